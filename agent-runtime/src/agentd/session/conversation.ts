import { blocksOf, type ContentBlock, type TranscriptEntry } from './entry.ts';

/** A message as the Messages API takes it. */
export interface ApiMessage {
  role: 'user' | 'assistant';
  content: ContentBlock[];
}

/**
 * The conversation that a transcript is. Neighbouring entries of one role become one message, results of tools come first in
 * it (the API wants each right after the answer that asked), and blank text goes (the API refuses it).
 */
export function conversationOf(entries: readonly TranscriptEntry[]): ApiMessage[] {
  const messages: ApiMessage[] = [];
  for (const entry of entries) {
    const content = blocksOf(entry).filter((block) => block.type !== 'text' || /\S/.test(String(block.text)));
    if (content.length === 0 && entry.message.role === 'assistant') continue;
    if (content.length === 0) content.push({ type: 'text', text: '(a blank message)' });
    const last = messages.at(-1);
    if (last?.role === entry.message.role) last.content.push(...content);
    else messages.push({ role: entry.message.role, content: [...content] });
  }
  for (const message of messages) {
    if (message.role === 'user') message.content.sort((a, b) => rank(a) - rank(b));
  }
  return messages;
}

/** The conversation with what stands before its first prompt. */
export function withOpening(messages: readonly ApiMessage[], opening: readonly ContentBlock[]): ApiMessage[] {
  const [first, ...rest] = messages;
  return first === undefined ? [] : [{ ...first, content: [...opening, ...first.content] }, ...rest];
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
