import { setTimeout as pause } from 'node:timers/promises';
import { start } from './kubectl.ts';

interface Block {
  type: string;
  name?: string;
  text?: string;
  input?: Record<string, unknown>;
  content?: unknown;
  is_error?: boolean;
}

/**
 * Shows the transcript of the default session while the workspace is awake, entry by entry, until `signal` is aborted. It
 * is read where the agent's tools may read it too. No pod, or none yet, is no error: it is asked for again.
 */
export async function followTranscript(
  workspace: string,
  show: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const file = '/var/lib/dormouse/transcripts/default.jsonl';
  const known = new Set<string>();
  while (!signal.aborted) {
    const tail = ['tail', '--lines=+1', '--follow=name', '--retry', '--sleep-interval=0.2', file];
    const args = ['exec', workspace, '--container', 'workspace', '--', ...tail];
    const { closed, lines } = start(args, signal, 'ignore');
    for await (const line of lines) {
      const entry = parse(line);
      if (entry === undefined || known.has(entry.uuid)) continue;
      known.add(entry.uuid);
      // A run before this one wrote entries too; only what happens now is shown.
      if (Date.parse(entry.timestamp) >= startedAt) for (const text of describe(entry.blocks)) show(text);
    }
    await closed;
    await pause(300, undefined, { signal }).catch(endedBy(signal));
  }
}

const startedAt = Date.now();

/** Aborting is how following ends; any other failure of a pause is a real one. */
function endedBy(signal: AbortSignal) {
  return (error: unknown) => {
    if (!signal.aborted) throw error;
  };
}

function parse(line: string): { uuid: string; timestamp: string; blocks: Block[] } | undefined {
  try {
    const { uuid, timestamp, message } = JSON.parse(line);
    if (!Array.isArray(message?.content)) return undefined;
    return { uuid, timestamp, blocks: message.content };
  } catch {
    return undefined; // tail may show a line before its end is written; it comes again with the next start
  }
}

function describe(blocks: Block[]): string[] {
  return blocks.flatMap((block) => {
    if (block.type === 'tool_use')
      return [`${block.name} ${brief(Object.values(block.input ?? {}).join(' '))}`];
    if (block.type === 'tool_result') return [`  → ${brief(textOf(block.content))}`];
    return [];
  });
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: Block) => part.text ?? '').join('\n');
}

const brief = (text: string) => {
  const line = text.trim().split('\n').join(' ⏎ ');
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
};
