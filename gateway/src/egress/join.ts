import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Meter } from '../limits/index.ts';

/**
 * Joins two sockets, no faster than each reads, until both directions have ended or one breaks. Rejects with the signal's reason
 * where that aborts.
 */
export async function join(
  client: Duplex,
  upstream: Socket,
  signal: AbortSignal,
  count: (direction: 'out' | 'in', bytes: number) => void,
): Promise<void> {
  const meter = (direction: 'out' | 'in') =>
    new Meter(Number.POSITIVE_INFINITY, (bytes) => count(direction, bytes));
  try {
    await Promise.all([
      pipeline(client, meter('out'), upstream, { signal }),
      pipeline(upstream, meter('in'), client, { signal }),
    ]);
  } catch {
    if (signal.aborted) throw signal.reason;
    // Otherwise the other side broke off, as it may.
  } finally {
    client.destroy();
    upstream.destroy();
  }
}
