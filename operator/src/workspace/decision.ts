import type { AgentWorkspaceStatus, WorkspaceConditionReason, WorkspacePhase } from '@dormouse/crds';
import type { Action } from './actions.ts';
import type { Finding } from './conditions.ts';

/** What one look at a workspace comes to. Every part of the plan returns one of these. */
export interface Decision {
  phase: WorkspacePhase;
  ready: { reason: WorkspaceConditionReason<'Ready'>; message?: string };
  asleep: { reason: WorkspaceConditionReason<'Asleep'>; message?: string };
  /** What other conditions say now. Those that are not named stay. */
  findings?: Finding[];
  /** Members of the status that change; `undefined` removes one. */
  changes?: {
    [Member in keyof AgentWorkspaceStatus]?: AgentWorkspaceStatus[Member] | undefined;
  };
  /** Nothing is lost where the status says this a moment later, together with what comes next. */
  unhurried?: boolean;
  /** What must have happened before the status may say so. */
  before?: Action[][];
  /** What may happen only after the status says so: intent is written ahead of every create. */
  after?: Action[][];
  /** Moments to look again at (milliseconds since the epoch). */
  deadlines?: (number | undefined)[];
}
