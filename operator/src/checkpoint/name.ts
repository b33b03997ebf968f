import type { AgentWorkspaceStatus } from '@dormouse/crds';

/** The name of the AgentCheckpoint of a sleep, and of its VolumeSnapshot. */
export function checkpointName(workspace: string, sequence: number): string {
  return `${workspace}-${sequence}`;
}

/** The name of the AgentCheckpoint that is kept before a wake with another image of the agent. */
export function upgradeName(workspace: string, { checkpoint }: AgentWorkspaceStatus): string | undefined {
  return checkpoint && `${workspace}-upgrade-${checkpoint.sequence}`;
}
