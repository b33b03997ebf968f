import type { WatchEvent } from './client.ts';
import { TransportError } from './errors.ts';
import { JsonLines } from './line-parser.ts';
import type { KubeObject } from './object.ts';
import { errorOfStatus } from './status.ts';

/**
 * Hands the events of a watch's body to `onEvent`. Resolves at the end of the stream. Rejects with the error that an
 * ERROR event means, with `TransportError` where the stream is cut, silent or garbled, with what `onEvent` throws, and
 * with the signal's reason.
 */
export async function readWatch<T extends KubeObject>(
  what: string,
  body: AsyncIterable<Buffer>,
  signal: AbortSignal,
  onEvent: (event: WatchEvent<T>) => void,
): Promise<void> {
  const failure: { error?: unknown } = {};
  const lines = new JsonLines((value) => {
    const event = value as { type?: string; object?: T & { code?: number } };
    if (event.object === undefined || event.type === undefined) {
      throw new TransportError(`${what}: an event without type or object`);
    }
    if (event.type === 'ERROR') {
      throw errorOfStatus(what, event.object.code ?? 500, event.object as unknown as { reason?: string });
    }
    try {
      onEvent(event as WatchEvent<T>);
    } catch (error) {
      failure.error = error;
      throw error;
    }
  });
  try {
    for await (const chunk of body) lines.push(chunk);
  } catch (error) {
    signal.throwIfAborted();
    if (error === failure.error || (error instanceof Error && 'retryable' in error)) throw error;
    throw new TransportError(`${what}: ${(error as Error).message}`, error);
  }
  if (lines.unfinished) throw new TransportError(`${what}: the stream ended in the middle of an event`);
}
