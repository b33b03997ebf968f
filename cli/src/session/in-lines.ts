import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Failure } from '../failure.ts';
import type { Attachment } from './attachment.ts';
import type { Conversation } from './conversation.ts';
import type { SeenEvent } from './events.ts';

export interface LinesOptions {
  input: Readable;
  conversation: Conversation;
  attachment: Attachment;
  events: AsyncGenerator<SeenEvent>;
  /** The key of a new message. */
  newKey: () => string;
  told: (hindrance: string) => void;
}

/**
 * A session without a terminal: each line of the input is a message. Ends when the input has ended and all of them are
 * answered.
 * @throws Failure `failed` where a message failed
 */
export async function attachInLines(options: LinesOptions): Promise<void> {
  const { input, conversation, attachment, events, newKey, told } = options;
  const sent: string[] = [];
  let ended = false;
  const done = Promise.withResolvers<void>();
  const look = () => {
    if (ended && sent.every((key) => conversation.outcome(key) !== undefined)) done.resolve();
  };
  const watch = async () => {
    for await (const { event } of events) {
      await conversation.take(event);
      look();
    }
  };
  const read = async () => {
    for await (const line of createInterface({ input })) {
      if (line.trim() === '') continue;
      const key = newKey();
      sent.push(key);
      await attachment.send(key, line, told);
    }
    ended = true;
    look();
  };
  try {
    await Promise.race([watch(), Promise.all([read(), done.promise])]);
  } finally {
    input.destroy();
  }
  const failed = sent.filter((key) => conversation.outcome(key)?.phase === 'Failed').length;
  if (failed > 0) throw new Failure('failed', `${failed} of ${sent.length} messages failed`);
}
