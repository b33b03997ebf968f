import { z } from 'zod';
import { messageRecord } from './messages.ts';
import { checkpointState, runtimeState } from './state.ts';

/** No workspace comes near it, and what follows it is still a safe integer. */
export const highestCursor = 2 ** 52;

/**
 * What `GET /v1/events?after=CURSOR` streams as server-sent events.
 *
 * Durable events have an `id:` line, their cursor: an integer that grows by one for each event of the workspace, across
 * restarts. `state` and `delta` events have none: they are never replayed; a `state` event is the first thing on every
 * connection. Where CURSOR is older than what is kept, `reset` comes first: read `/v1/state` and go on from `cursor`.
 */
export const runtimeEvent = z.union([
  z.object({ type: z.literal('state'), data: runtimeState }),
  z.object({ type: z.literal('reset'), data: z.object({ cursor: z.int() }) }),
  z.object({ type: z.literal('delta'), data: z.object({ session: z.string(), text: z.string() }) }),
  z.object({ type: z.literal('message'), data: messageRecord }),
  z.object({
    type: z.literal('entry'),
    data: z.object({ session: z.string(), uuid: z.string(), role: z.string(), summary: z.string() }),
  }),
  z.object({ type: z.literal('checkpoint'), data: checkpointState }),
  z.object({
    type: z.literal('background'),
    data: z.object({ id: z.string(), session: z.string(), status: z.string(), exitCode: z.int().optional() }),
  }),
  z.object({
    type: z.literal('approval'),
    data: z.object({ id: z.string(), session: z.string(), decision: z.enum(['pending', 'allow', 'deny']) }),
  }),
]);
export type RuntimeEvent = z.infer<typeof runtimeEvent>;
