import { type Clock, delay } from '@dormouse/operator/kube';
import type { Gateway } from '../gateway/gateway.ts';
import { isPassing } from '../gateway/passing.ts';
import { readEvents, type SeenEvent } from './events.ts';

export interface EventSourceOptions {
  gateway: Pick<Gateway, 'must'>;
  /** The path of the event stream, without a query. */
  path: string;
  /** The last event that was seen; undefined: begin now. */
  cursor: number | undefined;
  clock: Clock;
  signal: AbortSignal;
  /** Resolves when the workspace is awake: to connect again would wake it otherwise. */
  awake: () => Promise<void>;
  /** Told when the stream is lost, and why, and when it is back. */
  told: (what: 'lost' | 'back', why: string) => void;
}

/** Milliseconds without a byte, of which there is one every five seconds, after which a stream counts as dead. */
const silence = 20_000;
/** Milliseconds before a lost stream is opened again; doubled up to the longest. */
const pauses = { first: 250, longest: 10_000 };

/**
 * The events of a workspace, each that lasts once and in order, for as long as it is asked for them: over gateways that
 * restart and connections that break.
 * @throws what connecting again does not mend, and whatever the first connection meets; the signal's reason
 */
export async function* followEvents(options: EventSourceOptions): AsyncGenerator<SeenEvent> {
  const { gateway, path, clock, signal, awake, told } = options;
  let { cursor } = options;
  let connected = false;
  let lost = false;
  for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
    let why = 'it ended';
    try {
      const at = cursor === undefined ? path : `${path}?after=${cursor}`;
      const answer = await gateway.must(at, { signal });
      connected = true;
      if (lost) told('back', '');
      lost = false;
      const alive = watched(answer, clock);
      try {
        for await (const seen of readEvents(alive.chunks)) {
          pause = pauses.first;
          cursor = cursorAfter(seen, cursor);
          yield seen;
        }
      } finally {
        alive.stop();
        answer.destroy();
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!connected || !(isPassing(error) || isBreak(error))) throw error;
      why = (error as Error).message;
    }
    signal.throwIfAborted();
    if (!lost) told('lost', why);
    lost = true;
    await delay(clock, pause, signal);
    signal.throwIfAborted();
    await awake();
  }
}

function cursorAfter({ event, cursor }: SeenEvent, before: number | undefined): number | undefined {
  if (cursor !== undefined) return cursor;
  if (event.type === 'reset') return event.data.cursor;
  // The first thing on a connection that began now.
  return before === undefined && event.type === 'state' ? event.data.cursor : before;
}

/** What Node says of a connection that broke under an answer. */
function isBreak(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^E[A-Z]+$/.test(String(error.code));
}

/** A stream that is broken off after so much silence. */
function watched(stream: AsyncIterable<Buffer> & { destroy(error?: Error): void }, clock: Clock) {
  let cancel = () => {};
  const wait = () => {
    cancel();
    cancel = clock.schedule(silence, () => {
      stream.destroy(Object.assign(new Error('it fell silent'), { code: 'ETIMEDOUT' }));
    });
  };
  async function* chunks(): AsyncGenerator<Buffer> {
    wait();
    for await (const chunk of stream) {
      wait();
      yield chunk;
    }
  }
  return { chunks: chunks(), stop: () => cancel() };
}
