/** Every kind of Dormouse, defined once. `generate.ts` emits the YAML that the chart installs. */
import { agentCheckpoint } from './agent-checkpoint.ts';
import { agentMessage } from './agent-message.ts';
import { agentUsage } from './agent-usage.ts';
import { agentWorkspace } from './agent-workspace.ts';
import { agentWorkspaceClass } from './agent-workspace-class.ts';
import type { KindDefinition } from './resource.ts';

export * from './agent-checkpoint.ts';
export * from './agent-message.ts';
export * from './agent-usage.ts';
export * from './agent-workspace.ts';
export * from './agent-workspace-class.ts';
export * from './conditions.ts';
export * from './labels.ts';
export * from './resource.ts';
export * from './scalars.ts';

export const kinds: KindDefinition[] = [
  agentWorkspace,
  agentWorkspaceClass,
  agentCheckpoint,
  agentMessage,
  agentUsage,
];
