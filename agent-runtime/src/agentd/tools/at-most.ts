import { pause } from './tools-client.ts';

/**
 * Resolves when `promise` does, or after `ms` milliseconds: whoever waits less long than it takes is not held up. Rejects as it does,
 * and with the signal's reason.
 */
export async function atMost(promise: Promise<unknown>, ms: number, signal: AbortSignal): Promise<void> {
  const enough = new AbortController();
  const patience = pause(ms, AbortSignal.any([signal, enough.signal]));
  try {
    await Promise.race([promise, patience]);
  } finally {
    enough.abort();
    // It ends by the line above; the signal is looked at below.
    await patience.catch(() => undefined);
  }
  signal.throwIfAborted();
}
