import { expect } from 'vitest';
import { conversationOf } from '../session/conversation.ts';
import type { Json } from './workspace.ts';

/** Fails unless a transcript holds every prompt once, every call with one result, and an unbroken chain. */
export function expectWhole(entries: Json[]): void {
  const keys = entries.flatMap((entry) => entry.messageKey ?? []);
  expect(new Set(keys).size).toBe(keys.length);
  for (const [index, entry] of entries.entries())
    expect(entry.parentUuid).toBe(index === 0 ? null : entries[index - 1].uuid);
  const blocks = conversationOf(entries).flatMap((message) => message.content as Json[]);
  const uses = blocks.filter((block) => block.type === 'tool_use').map((block) => block.id);
  const results = blocks.filter((block) => block.type === 'tool_result').map((block) => block.tool_use_id);
  expect(new Set(results)).toEqual(new Set(uses));
  expect(results).toHaveLength(uses.length);
}
