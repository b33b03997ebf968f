import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@dormouse/operator/kube';
import { responseHeaders } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';
import { Watchdog } from '../limits/index.ts';
import { type Reader, Tap } from './usage/index.ts';

/** How long an answer is waited for. */
export interface Patience {
  signal: AbortSignal;
  clock: Clock;
  /** Milliseconds without a byte. */
  idle: number;
}

/**
 * Passes a provider's answer on, byte by byte as it comes and no faster than the client reads. Rejects with the signal's reason, or
 * with a Refusal where nothing moved for too long or the provider broke off.
 *
 * @param reader is shown what passes
 */
export function passAnswer(
  answer: IncomingMessage,
  response: ServerResponse,
  patience: Patience,
  reader: Reader | undefined,
): Promise<void> {
  return whileItComes(patience, async (signal, came) => {
    response.writeHead(answer.statusCode ?? 502, headersOf(answer));
    response.flushHeaders();
    await pipeline(answer, new Tap(reader, came), response, { signal });
  });
}

/** The whole of a provider's answer, at most `longest` bytes. Rejects as {@link passAnswer} does, and where it is longer. */
export function readAnswer(answer: IncomingMessage, patience: Patience, longest: number): Promise<Buffer> {
  return whileItComes(patience, (signal, came) =>
    pipeline(
      answer,
      async (pieces: AsyncIterable<Buffer>) => {
        const kept: Buffer[] = [];
        let bytes = 0;
        for await (const piece of pieces) {
          came();
          bytes += piece.length;
          if (bytes > longest)
            throw new Refusal('bad_gateway', `The provider's answer is longer than ${longest} bytes.`);
          kept.push(piece);
        }
        return Buffer.concat(kept);
      },
      { signal },
    ),
  );
}

/** Answers as the provider did, but for the body. */
export function answerInstead(answer: IncomingMessage, response: ServerResponse, body: object): void {
  const text = JSON.stringify(body);
  const headers = headersOf(answer);
  const ofBody = (name: string | undefined) =>
    /^(content-length|etag|digest|content-digest)$/i.test(name ?? '');
  response.writeHead(answer.statusCode ?? 502, [
    ...headers.filter((_, index) => !ofBody(headers[index - (index % 2)])),
    ...['content-length', String(Buffer.byteLength(text))],
  ]);
  response.end(text);
}

async function whileItComes<T>(
  { signal, clock, idle }: Patience,
  work: (signal: AbortSignal, came: () => void) => Promise<T>,
): Promise<T> {
  const silence = new AbortController();
  const dog = new Watchdog(clock, idle, () => silence.abort(silent(idle)));
  const either = AbortSignal.any([signal, silence.signal]);
  try {
    return await work(either, () => dog.reset());
  } catch (error) {
    if (either.aborted) throw either.reason;
    if (error instanceof Refusal) throw error;
    throw new Refusal('bad_gateway', 'The provider broke off its answer.');
  } finally {
    dog.stop();
  }
}

export function silent(idle: number): Refusal {
  return new Refusal('gateway_timeout', `The provider sent nothing for ${idle} ms.`);
}

/** Those that go on: the gateway's own words must be its own. */
function headersOf({ rawHeaders }: IncomingMessage): string[] {
  const raw = responseHeaders(rawHeaders, (to) => to);
  return raw.filter((_, index) => !/^x-dormouse-/i.test(raw[index - (index % 2)] ?? ''));
}
