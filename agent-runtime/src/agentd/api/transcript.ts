import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Session } from '../session/session.ts';

/** Sends lines of a transcript as they are on disk, no faster than the client reads. */
export async function sendTranscript(
  response: ServerResponse,
  session: Session,
  after: number,
  limit: number | undefined,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/x-ndjson',
    'x-dormouse-entries': session.logs.ledger.entries,
  });
  let index = 0;
  for await (const line of session.logs.lines()) {
    index += 1;
    if (index <= after) continue;
    if (limit !== undefined && index > after + limit) break;
    if (response.destroyed) return;
    if (!response.write(`${line}\n`)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  response.end();
}
