import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { Gateway } from '../gateway/gateway.ts';
import { pathAt } from '../gateway/gateway.ts';
import { GatewayRefusal } from '../gateway/refusal.ts';

/** What is read of a block of the Messages API. */
const block = z.looseObject({ type: z.string() });
export type Block = z.infer<typeof block>;

/** What is read of a line of a transcript. */
const transcriptEntry = z.looseObject({
  uuid: z.string(),
  /** With a prompt: the message that it is. */
  messageKey: z.string().optional(),
  /** With a reminder of the runtime: the files of the workspace that it holds. */
  contextFiles: z.array(z.looseObject({ path: z.string() })).optional(),
  /** A summary takes the place of what was said before. */
  compaction: z.looseObject({ preTokens: z.number() }).optional(),
  /** What was said since this message is taken back. */
  rewind: z.looseObject({ message: z.string() }).optional(),
  message: z.looseObject({
    role: z.enum(['user', 'assistant']),
    content: z.union([z.string(), z.array(block)]),
  }),
});
export type TranscriptEntry = z.infer<typeof transcriptEntry>;

/** The entries of a session after the first `after`; none where there is no such session yet. */
export async function readTranscript(
  gateway: Pick<Gateway, 'must'>,
  workspace: { namespace: string; name: string },
  session: string,
  after: number,
  signal: AbortSignal,
): Promise<TranscriptEntry[]> {
  const path = pathAt(workspace, `agent/sessions/${encodeURIComponent(session)}/transcript?after=${after}`);
  try {
    const answer = await gateway.must(path, { signal });
    const entries: TranscriptEntry[] = [];
    for await (const line of createInterface({ input: answer })) {
      const parsed = transcriptEntry.safeParse(JSON.parse(line));
      // Its place counts, whatever it is.
      entries.push(parsed.data ?? { uuid: '', message: { role: 'user', content: [{ type: 'unknown' }] } });
    }
    return entries;
  } catch (error) {
    if (error instanceof GatewayRefusal && error.status === 404) return [];
    throw error;
  }
}

export function blocksOf({ message }: TranscriptEntry): Block[] {
  const { content } = message;
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** The text of an entry as it was streamed: its text blocks one after another. */
export function streamedTextOf(entry: TranscriptEntry): string {
  return blocksOf(entry)
    .map((each) => (each.type === 'text' && typeof each.text === 'string' ? each.text : ''))
    .join('');
}
