import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Session } from '../session/session.ts';

/** Sends lines of a transcript as they are on disk, no faster than the client reads. A client that goes away ends it. */
export async function sendTranscript(
  response: ServerResponse,
  session: Session,
  after: number,
  limit = Number.POSITIVE_INFINITY,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'x-dormouse-entries': session.logs.ledger.entries,
  });
  try {
    await pipeline(section(session.logs.lines(), after, after + limit), response);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

/** Lines of which `from` come before and `to` before or in it. */
async function* section(lines: AsyncIterable<string>, from: number, to: number): AsyncGenerator<string> {
  let index = 0;
  for await (const line of lines) {
    index += 1;
    if (index > to) return;
    if (index > from) yield `${line}\n`;
  }
}
