import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { delay } from '@dormouse/operator/kube';
import type { Address } from './address.ts';
import { EventFrames } from './event-frames.ts';
import { type Exchange, send, UnreachedError } from './forward.ts';
import { passHead } from './headers.ts';

/** Milliseconds between comments while the workspace sleeps, so that both ends see a connection die. As agentd does it. */
const heartbeat = 5_000;
/** Milliseconds between two tries. */
const pause = 250;

export interface EventStreamOptions {
  exchange: Exchange;
  /** Resolves with the workspace's address when it runs; does not wake it. */
  whenever: () => Promise<Address>;
  /** Rejects where the client may not go on. */
  check: () => Promise<void>;
}

/**
 * Passes agentd's events on, unbuffered, and outlives the pod: while the workspace sleeps the client's stream stays open,
 * and it goes on after the last whole event when somebody woke it. A client that had to connect again would wake it by that.
 *
 * @throws UnreachedError where the first try did not reach it; the signal's reason when the client is gone.
 */
export async function streamEvents(first: Address, options: EventStreamOptions): Promise<void> {
  const { exchange, whenever, check } = options;
  const { request, response, signal, count } = exchange;
  const given = new URLSearchParams(exchange.path.split('?')[1]).get('after');
  const frames = new EventFrames(given ?? request.headers['last-event-id']?.toString());
  const answer = await send(exchange, first, signal, () => undefined);
  exchange.checkStatus(answer.statusCode);
  passHead(response, answer.statusCode, answer.rawHeaders, (location) => location);
  response.flushHeaders();
  exchange.streams();
  await relay(answer);
  if (answer.statusCode !== 200) {
    response.end();
    return;
  }
  const beat = setInterval(() => response.write(':\n\n'), heartbeat);
  try {
    for (;;) {
      const address = await whenever();
      await check();
      await take(address);
      // The cache may still show a pod that is gone.
      await delay(exchange.clock, pause, signal);
      signal.throwIfAborted();
    }
  } finally {
    clearInterval(beat);
  }

  /** One life of the workspace: its events from where the client is until it ends. */
  async function take(address: Address): Promise<void> {
    try {
      const again = await send(
        { ...exchange, path: resumed(exchange.path, frames.cursor) },
        address,
        signal,
        () => undefined,
      );
      if (again.statusCode === 200) await relay(again);
      else again.resume();
    } catch (error) {
      if (!(error instanceof UnreachedError)) throw error;
    }
  }

  async function relay(body: IncomingMessage): Promise<void> {
    frames.restart();
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        const whole = body.statusCode === 200 ? frames.push(chunk) : chunk;
        count('out', whole.length);
        if (whole.length > 0 && !response.write(whole)) await once(response, 'drain', { signal });
      }
    } catch (error) {
      signal.throwIfAborted();
      // The pod went away; a defect of ours is none that the client could mend by waiting.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

/** The same request, after what the client has. */
export function resumed(path: string, cursor: string | undefined): string {
  const [at = '', query] = path.split('?');
  const parameters = new URLSearchParams(query);
  if (cursor !== undefined) parameters.set('after', cursor);
  return parameters.size === 0 ? at : `${at}?${parameters}`;
}
