import { blocksOf, type ContentBlock, type TranscriptEntry } from './entry.ts';

/** Stands after a summary that ends in the middle of the work: what is sent must end with a user's message. */
const goOn =
  '<system-reminder>\nThe conversation up to here was summarized because it became too long. Go on with what was under way.\n</system-reminder>';

/** A message as the Messages API takes it. */
export interface ApiMessage {
  role: 'user' | 'assistant';
  content: readonly ContentBlock[];
}

/**
 * The conversation that a transcript is, from its newest summary on. Neighbouring entries of one role become one message, results of tools come first in
 * it (the API wants each right after the answer that asked), and blank text goes (the API refuses it).
 */
export function conversationOf(entries: readonly TranscriptEntry[]): ApiMessage[] {
  const messages: ApiMessage[] = [];
  for (const entry of entries) {
    const content = contentOf(entry);
    if (content.length === 0) continue;
    const last = messages.at(-1);
    // A summary is the first of them.
    if (messages.length === 1 && beginsWithCompaction(last) && entry.message.role === 'assistant') {
      messages.push(
        { role: 'user', content: [{ type: 'text', text: goOn }] },
        { role: 'assistant', content },
      );
    } else if (last?.role === entry.message.role) last.content = [...last.content, ...content];
    else messages.push({ role: entry.message.role, content });
  }
  const only = messages.length === 1 ? messages[0] : undefined;
  if (only !== undefined && beginsWithCompaction(only)) {
    messages.push({ role: 'user', content: [{ type: 'text', text: goOn }] });
  }
  for (const message of messages) {
    if (message.role === 'user' && message.content.length > 1)
      message.content = message.content.toSorted((a, b) => rank(a) - rank(b));
  }
  return messages;
}

/** Of entries that were worked out before; each is looked at with every request until it is summarized. */
const contents = new WeakMap<TranscriptEntry, readonly ContentBlock[]>();

/** What the API takes of an entry. Nothing: of an answer that says nothing. */
function contentOf(entry: TranscriptEntry): readonly ContentBlock[] {
  const known = contents.get(entry);
  if (known !== undefined) return known;
  const content = blocksOf(entry).filter((block) => block.type !== 'text' || /\S/.test(String(block.text)));
  if (content.length === 0 && entry.message.role === 'user')
    content.push({ type: 'text', text: '(a blank message)' });
  contents.set(entry, content);
  return content;
}

/** Whether a message is the block that the API gave for what came before it. */
export function beginsWithCompaction(message: ApiMessage | undefined): boolean {
  return message?.role === 'assistant' && message.content[0]?.type === 'compaction';
}

/** The conversation with what stands before its first prompt. */
export function withOpening(messages: readonly ApiMessage[], opening: readonly ContentBlock[]): ApiMessage[] {
  const first = messages.findIndex((message) => message.role === 'user');
  return messages.map((message, index) =>
    index === first ? { ...message, content: [...opening, ...message.content] } : message,
  );
}

function rank(block: ContentBlock): number {
  return block.type === 'tool_result' ? 0 : 1;
}

const ephemeral = { type: 'ephemeral' } as const;

/**
 * Marks where the prompt cache may be read and written: the end of the last two user messages. With the marks on tools and
 * system prompt these are the four that the API allows. The last one writes what the next request reads; the one before it
 * is what this request reads.
 */
export function withCacheMarks(messages: readonly ApiMessage[]): ApiMessage[] {
  const users = messages.flatMap((message, index) => (message.role === 'user' ? [index] : [])).slice(-2);
  return messages.map((message, index) => {
    if (!users.includes(index)) return message;
    const last = message.content.at(-1);
    if (last === undefined) return message;
    return { ...message, content: [...message.content.slice(0, -1), { ...last, cache_control: ephemeral }] };
  });
}
