import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@dormouse/operator/kube';
import { responseHeaders } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';
import { Watchdog } from '../limits/index.ts';
import { type Reader, Tap } from './usage/index.ts';

export interface PassOptions {
  signal: AbortSignal;
  clock: Clock;
  /** Milliseconds without a byte. */
  idle: number;
  /** Shown what passes. */
  reader: Reader | undefined;
}

/**
 * Passes a provider's answer on, byte by byte as it comes and no faster than the client reads. Rejects with the signal's reason, or
 * with a Refusal where nothing moved for too long or the provider broke off.
 */
export async function passAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  { signal, clock, idle, reader }: PassOptions,
): Promise<void> {
  const silence = new AbortController();
  const dog = new Watchdog(clock, idle, () => silence.abort(silent(idle)));
  const either = AbortSignal.any([signal, silence.signal]);
  try {
    response.writeHead(answer.statusCode ?? 502, withoutOwn(responseHeaders(answer.rawHeaders, (to) => to)));
    response.flushHeaders();
    await pipeline(answer, new Tap(reader, () => dog.reset()), response, { signal: either });
  } catch {
    if (either.aborted) throw either.reason;
    throw new Refusal('bad_gateway', 'The provider broke off its answer.');
  } finally {
    dog.stop();
  }
}

export function silent(idle: number): Refusal {
  return new Refusal('gateway_timeout', `The provider sent nothing for ${idle} ms.`);
}

/** The gateway's own words must be its own. */
function withoutOwn(raw: readonly string[]): string[] {
  return raw.filter((_, index) => !/^x-dormouse-/i.test(raw[index - (index % 2)] ?? ''));
}
