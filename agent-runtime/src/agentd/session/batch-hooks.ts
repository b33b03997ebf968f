import { reminder } from '../context/reminder.ts';
import { blocksOf, isAnswer, toolUsesOf } from './entry.ts';
import { aboutTool } from './tool-hooks.ts';
import type { RoundContext } from './tool-round.ts';

/** PostToolBatch, once every call of an answer has its result: they may add to what the model knows next, or end the turn. */
export async function afterBatch(round: RoundContext): Promise<void> {
  const { hooks, entries, logs } = round;
  if (!hooks.has('PostToolBatch')) return;
  const at = entries.findLastIndex(isAnswer);
  const answer = entries[at];
  const since = entries.slice(at + 1);
  if (answer === undefined || since.some((entry) => entry.hooks?.stop !== undefined)) return;
  const results = new Map(
    since
      .flatMap(blocksOf)
      .flatMap((block) => (block.type === 'tool_result' ? [[block.tool_use_id, block.content]] : [])),
  );
  const calls = toolUsesOf(answer).map((call) => {
    const input = logs.ledger.hookedTools.get(call.id)?.input ?? call.input;
    return { ...aboutTool({ ...call, input }, call.name, round), tool_response: results.get(call.id) };
  });
  const said = await hooks.fire('PostToolBatch', '', { tool_calls: calls });
  if (said === undefined) return;
  const { context, messages, block } = said;
  const stop = said.stop ?? block;
  const told = [...(stop === undefined ? [] : [`A hook ended the turn here: ${stop}`]), ...context];
  if (told.length + messages.length === 0) return;
  const text = told.length === 0 ? 'A hook has looked at these results.' : told.join('\n\n');
  await round.writer.write(
    {
      message: { role: 'user', content: [{ type: 'text', text: reminder(text).toWellFormed() }] },
      hooks: { ...(stop !== undefined && { stop }), ...(messages.length > 0 && { messages }) },
    },
    round.signal,
  );
}
