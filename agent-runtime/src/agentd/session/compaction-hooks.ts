import { reminder } from '../context/reminder.ts';
import { type TranscriptEntry, textOf } from './entry.ts';
import type { RoundContext } from './tool-round.ts';
import type { NewEntry } from './write-entry.ts';

type Trigger = NonNullable<TranscriptEntry['compaction']>['trigger'];

/** PreCompact: why the conversation must not be summarized now; undefined where it may. */
export async function beforeCompaction(
  trigger: Trigger,
  instructions: string | undefined,
  { hooks }: RoundContext,
): Promise<string | undefined> {
  const about = { trigger, custom_instructions: instructions ?? '' };
  const said = await hooks.fire('PreCompact', trigger, about);
  return said?.block ?? said?.stop;
}

/** PostCompact, for which nobody waits, and SessionStart of the kind `compact`: what the model is told after a summary. */
export async function afterCompaction(
  summary: TranscriptEntry,
  { hooks, host }: RoundContext,
): Promise<NewEntry | undefined> {
  const trigger = summary.compaction?.trigger ?? 'auto';
  hooks.notify('PostCompact', trigger, { trigger, compact_summary: textOf(summary) });
  const source = 'compact';
  const said = await hooks.fire('SessionStart', source, { source, model: host.config().model.name });
  if (said === undefined || said.context.length + said.messages.length === 0) return undefined;
  const text = said.context.length === 0 ? 'The conversation was summarized.' : said.context.join('\n\n');
  return {
    message: { role: 'user', content: [{ type: 'text', text: reminder(text) }] },
    ...(said.messages.length > 0 && { hooks: { messages: said.messages } }),
  };
}
