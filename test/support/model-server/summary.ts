/**
 * What is left of a conversation when it is summarized: every remembered text, and the script under way with what its tool calls
 * have led to. The server remembers nothing, so a summary is where the rest of a conversation finds this again.
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { invalid } from './api-error.ts';
import type { Turn } from './conversation.ts';
import type { CountRequest } from './request.ts';
import { parseScript } from './script.ts';

/** A prompt whose script has not come to its end, and the text of each result that it has. */
const underWay = z.object({ prompt: z.string(), results: z.array(z.string()) });
export type UnderWay = z.infer<typeof underWay>;

export interface Recollection {
  remembered: string[];
  underWay: UnderWay | undefined;
}

/** The beta that offers compaction on demand. */
export const compactionBeta = 'compact-2026-09-04';

export function writeSummary({ remembered, underWay: script }: Recollection): string {
  return [
    'Summary of the conversation so far.',
    ...remembered.map((text) => `remember: ${text}`),
    ...(script === undefined ? [] : [`under way: ${JSON.stringify(script)}`]),
  ].join('\n');
}

/** The other way round; text that is no summary of this server says nothing. */
export function readSummary(text: string): Recollection {
  const script = /^under way: (\{.*\})$/m.exec(text)?.[1];
  return {
    remembered: parseScript(text).flatMap((it) => (it.kind === 'remember' ? [it.text] : [])),
    underWay: script === undefined ? undefined : underWay.parse(JSON.parse(script)),
  };
}

/** The summary that a conversation begins with: a block of a compaction, or text that an agent wrote around one. */
export function openingSummary(turns: readonly Turn[]): string | undefined {
  const first = turns[0]?.blocks[0]?.block;
  if (first?.type === 'compaction') return first.content ?? undefined;
  const texts = turns[0]?.blocks.flatMap(({ block }) => (block.type === 'text' ? [block.text] : [])) ?? [];
  return texts
    .map((text) => /<conversation-summary>\n([\s\S]*?)\n<\/conversation-summary>/.exec(text)?.[1])
    .find((summary) => summary !== undefined);
}

export function signatureOf(content: string, key: string): string {
  return createHmac('sha256', key).update(content).digest('base64');
}

/** Throws {@link ApiError} 400 for a block that this server did not make, or that was changed. */
export function checkSignature(request: CountRequest, key: string): void {
  for (const message of request.messages) {
    if (typeof message.content === 'string') continue;
    for (const block of message.content) {
      if (block.type !== 'compaction' || block.content === null) continue;
      if (block.signature !== signatureOf(block.content, key)) {
        throw invalid('messages.0.content.0: Invalid `signature` in `compaction` block');
      }
    }
  }
}
