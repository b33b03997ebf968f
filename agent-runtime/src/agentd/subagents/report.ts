import type { MessageRecord } from '../../protocol/messages.ts';
import type { SubagentRecord } from './record.ts';

/** Characters of a report that its reader gets; the whole is in the transcript. */
const maxReport = 30_000;

/** What one message to a subagent came to. */
export interface SubagentEnd {
  record: SubagentRecord;
  message: MessageRecord;
  /** The workspace restarted while it worked. */
  restarted: boolean;
  /** Where its changes are, where it has a worktree of its own. */
  worktree?: string;
}

/** How a subagent ended, in a word. */
export function statusOf({ phase, reason }: MessageRecord): 'completed' | 'stopped' | 'failed' {
  if (phase === 'Completed') return 'completed';
  return reason === 'Interrupted' ? 'stopped' : 'failed';
}

/** What the one who asked reads. */
export function reportOf({ record, message, restarted, worktree }: SubagentEnd): string {
  const status = statusOf(message);
  const said = plain(message.reply?.text ?? '').trim();
  const text = said.length > maxReport ? `${said.slice(0, maxReport)}\n[…]` : said;
  const notes = [
    ...(status === 'stopped' ? ['The subagent was stopped before it was done.'] : []),
    ...(status === 'failed'
      ? [`The subagent did not finish: ${message.reason}: ${message.message ?? ''}`]
      : []),
    ...(status !== 'completed' && text !== '' ? ['What it said last:'] : []),
  ];
  const after = [
    ...(restarted
      ? [
          'The workspace restarted while this subagent worked. It went on from what it had written; a call of its own that was under way may or may not have taken effect.',
        ]
      : []),
    ...(worktree === undefined ? [] : [worktree]),
    `agentId: ${record.id} (SendMessage with it as "to" gives it more to do)`,
  ];
  return [...notes, text === '' ? '(It said nothing.)' : text, '', ...after.map((line) => `[${line}]`)].join(
    '\n',
  );
}

/** The same for one that ran in the background, as a notice that nobody said. */
export function noticeOf(end: SubagentEnd): string {
  const { record, message } = end;
  const status = statusOf(message);
  return [
    '<task-notification>',
    `<task-id>${record.id}</task-id>`,
    `<status>${status}</status>`,
    `<summary>Subagent ${record.agentType} (${plain(record.description)}) ${status}</summary>`,
    `<result>\n${reportOf(end)}\n</result>`,
    '</task-notification>',
  ].join('\n');
}

/** A report may quote files that imitate what only the runtime says. */
function plain(text: string): string {
  return text.replace(/<(?=\/?(?:system-reminder|task-notification)\b)/gi, '&lt;').toWellFormed();
}
