import { oneLine } from '../output/table.ts';
import { type Block, blocksOf, type TranscriptEntry } from './transcript.ts';

/** A part of a conversation as it is shown, not yet free of control characters. */
export interface Piece {
  /** `note` is what Dormouse says of the conversation, `error` a note of something that failed. */
  kind: 'prompt' | 'text' | 'call' | 'result' | 'failed-result' | 'note' | 'error';
  text: string;
}

/** Lines of a tool's result that are shown, and characters of a call. */
const shown = { lines: 8, call: 160 };
/** The member of a tool's input that says most about it, in this order. */
const telling = ['command', 'subject', 'file_path', 'path', 'pattern', 'url', 'query', 'description', 'id'];

/** What an entry of the transcript adds to the conversation. */
export function piecesOf(entry: TranscriptEntry): Piece[] {
  const isPrompt = entry.messageKey !== undefined;
  if (entry.contextFiles !== undefined && !isPrompt) {
    return [{ kind: 'note', text: `instructions: ${entry.contextFiles.map(({ path }) => path).join(', ')}` }];
  }
  if (entry.compaction !== undefined) {
    const text = blocksOf(entry)
      .map(({ text, content }) => String(text ?? content ?? ''))
      .join('\n');
    return [{ kind: 'note', text: `summarized, from about ${entry.compaction.preTokens} tokens: ${text}` }];
  }
  return blocksOf(entry).flatMap((block): Piece[] => {
    if (block.type === 'text' && typeof block.text === 'string') {
      if (block.text.trim() === '') return [];
      if (entry.message.role === 'assistant') return [{ kind: 'text', text: block.text }];
      return [{ kind: isPrompt ? 'prompt' : 'note', text: block.text }];
    }
    if (block.type === 'tool_use') return [{ kind: 'call', text: callOf(block) }];
    if (block.type === 'tool_result')
      return [{ kind: block.is_error === true ? 'failed-result' : 'result', text: resultOf(block) }];
    return [];
  });
}

/** A tool and what it is to do, on one line. */
function callOf({ name, input }: Block): string {
  const members = typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
  const said = telling.map((each) => members[each]).find((each) => typeof each === 'string');
  const what =
    typeof said === 'string' ? said : Object.keys(members).length > 0 ? JSON.stringify(members) : '';
  return `${String(name)} ${oneLine(what, shown.call)}`.trimEnd();
}

/** The beginning of what a tool answered. */
function resultOf({ content }: Block): string {
  const blocks: unknown[] = Array.isArray(content) ? content : [{ type: 'text', text: content }];
  const text = blocks
    .map((each) => {
      const { type, text } = each as { type?: unknown; text?: unknown };
      return typeof text === 'string' ? text : `(${String(type ?? 'nothing')})`;
    })
    .join('\n')
    .trimEnd();
  const lines = text.split('\n');
  if (lines.length <= shown.lines + 1) return text;
  return [...lines.slice(0, shown.lines), `… ${lines.length - shown.lines} more lines`].join('\n');
}
