import type { CheckpointState, MessageRecord, RuntimeState } from '@dormouse/agent-runtime/protocol';

/** What agentd last said, and whether it can be asked now. */
export interface RuntimeView {
  /** The event stream is open and not silent: `state` is what holds now. */
  connected: boolean;
  /** The pod that the view speaks of; undefined where no connection is wanted. */
  podUID: string | undefined;
  /** The last report, also of a connection that broke since. */
  state: RuntimeState | undefined;
  /** When the agent last did something, by the operator's clock (milliseconds). */
  activityAt: number;
  /** Since when `connected` has its value (milliseconds). */
  since: number;
  /** What stands in the way of a connection, for people. */
  problem: string | undefined;
  /** Messages that agentd confirmed on the connection that is open now, by the UID of the AgentMessage. */
  records: ReadonlyMap<string, MessageRecord>;
}

export const noRuntime: RuntimeView = {
  connected: false,
  podUID: undefined,
  state: undefined,
  activityAt: 0,
  since: 0,
  problem: undefined,
  records: new Map(),
};

/**
 * Activity by the operator's clock: what agentd reports is taken at its word once, and after that only for the fact that
 * it changed, so that clocks which differ neither keep a workspace awake nor put it to sleep at work.
 */
export function activityAfter(
  before: { state: RuntimeState | undefined; activityAt: number },
  reported: RuntimeState,
  now: number,
): number {
  if (before.state === undefined) return Math.min(Date.parse(reported.lastActivityAt), now);
  return before.state.lastActivityAt === reported.lastActivityAt ? before.activityAt : now;
}

/** How far a message is. */
const progress = { Queued: 0, Working: 1, Completed: 2, Failed: 2 } as const;

/**
 * The record to keep when a request was answered with `answered`. Answers and events come on two connections: the event
 * that a message is completed may be read before the answer that it was taken.
 */
export function furtherRecord(known: MessageRecord | undefined, answered: MessageRecord): MessageRecord {
  return known !== undefined && progress[known.phase] > progress[answered.phase] ? known : answered;
}

/** A state with the answer to a request for a checkpoint put in, unless events have told already what became of it. */
export function withAnsweredCheckpoint(state: RuntimeState, answered: CheckpointState): RuntimeState {
  const known = state.checkpoint;
  const overtaken =
    known !== undefined &&
    (known.sequence > answered.sequence ||
      // Asked for again after it failed, the same sequence begins anew, at another time.
      (known.startedAt === answered.startedAt && known.phase !== 'InProgress'));
  return overtaken ? state : withCheckpoint(state, answered);
}

/** A state with what a checkpoint event said put in. */
export function withCheckpoint(state: RuntimeState, checkpoint: CheckpointState): RuntimeState {
  return { ...state, checkpoint, lastSequence: Math.max(state.lastSequence, checkpoint.sequence) };
}

/** Whether a new report can change a decision; that the agent is still at it, or how long its transcript is, cannot. */
export function isNews(before: RuntimeState | undefined, after: RuntimeState): boolean {
  return before === undefined || gist(before) !== gist(after);
}

function gist(state: RuntimeState): string {
  const { lastActivityAt: _activity, cursor: _cursor, sessions, ...rest } = state;
  return JSON.stringify([rest, sessions.map(({ id, status }) => [id, status])]);
}
