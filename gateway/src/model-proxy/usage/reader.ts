import type { IncomingMessage } from 'node:http';
import { EventReader } from './event-reader.ts';
import { MessageReader } from './message-reader.ts';
import type { SeenUsage } from './seen-usage.ts';

/** Reads an answer as it passes, and neither changes nor delays it. */
export interface Reader {
  push(chunk: Uint8Array): void;
  /** The answer came to its end. */
  end(): void;
}

/** What counts the tokens of an answer of status 200. */
export function readerOf({ headers }: Pick<IncomingMessage, 'headers'>, seen: SeenUsage): Reader | undefined {
  // Compressed, against what was asked for.
  if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) {
    seen.cannotRead();
    return undefined;
  }
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '')
    ? new EventReader(seen)
    : new MessageReader(seen);
}
