import type { ModelAnswer } from '../model/model-client.ts';
import type { ApiMessage } from '../session/conversation.ts';
import type { ContentBlock, ToolUse } from '../session/entry.ts';
import type { ToolOutcome } from '../tools/tool.ts';

/** Answers of the model until it has to have decided. */
const maxTurns = 50;

export interface Verifier {
  ask(messages: ApiMessage[]): Promise<ModelAnswer>;
  /** Carries out a call; what goes wrong with it is its outcome. */
  look(call: ToolUse): Promise<ToolOutcome>;
}

/** Has the model look at what it wants to see, and resolves with the text of its last answer. Nothing of it is kept. */
export async function verify(question: string, { ask, look }: Verifier): Promise<string> {
  const messages: ApiMessage[] = [{ role: 'user', content: [{ type: 'text', text: question }] }];
  for (let turn = 0; turn < maxTurns; turn += 1) {
    const { content } = await ask(messages);
    const calls = content.filter(isToolUse);
    if (calls.length === 0)
      return content.map((block) => (typeof block.text === 'string' ? block.text : '')).join('');
    const results = await Promise.all(calls.map(async (call) => resultOf(call, await look(call))));
    messages.push({ role: 'assistant', content }, { role: 'user', content: results });
  }
  throw new Error(`the model did not decide within ${maxTurns} answers`);
}

function isToolUse(block: ContentBlock): block is ContentBlock & ToolUse {
  return block.type === 'tool_use';
}

function resultOf({ id }: ToolUse, { content, blocks, isError }: ToolOutcome): ContentBlock {
  // The API takes no blank text.
  const shown = blocks ?? (/\S/.test(content) ? content.toWellFormed() : '(no output)');
  return { type: 'tool_result', tool_use_id: id, content: shown, ...(isError && { is_error: true }) };
}
