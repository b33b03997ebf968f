import { z } from 'zod';
import type { DuringCall } from './during-call.ts';

/** Characters that a server may say to the model at once, and of them what a person is shown. */
const limits = { said: 200_000, shown: 1_500 };

const block = z.looseObject({ type: z.string(), text: z.string().optional() });
const asked = z.looseObject({
  systemPrompt: z.string().optional(),
  messages: z
    .array(z.looseObject({ role: z.enum(['user', 'assistant']), content: z.union([block, z.array(block)]) }))
    .min(1),
});

/**
 * Asks the model what a server wants of it, within the call of a tool: beside the conversation, without tools, on the account of the
 * workspace, and where a person lets it, unless nobody is asked about anything. Rejects with why not.
 */
export async function sample(server: string, params: unknown, during: DuringCall | undefined) {
  if (during === undefined) throw new Error('the model is asked within the call of a tool only');
  const request = asked.safeParse(params);
  if (!request.success) throw new Error(`this cannot be asked: ${request.error.issues[0]?.message}`);
  const { systemPrompt, messages } = request.data;
  const texts = messages.map(({ role, content }) => {
    const blocks = [content].flat();
    if (blocks.some(({ type }) => type !== 'text')) throw new Error('the model is asked in text only');
    const text = blocks.map((each) => each.text ?? '').join('\n');
    return role === 'user' ? text : `You answered before:\n${text}`;
  });
  const said = [systemPrompt ?? '', ...texts].join('\n');
  if (said.length > limits.said)
    throw new Error(`the model is asked ${limits.said} characters at most, and this has ${said.length}`);
  const shown = said.length > limits.shown ? `${said.slice(0, limits.shown)}…` : said;
  const summary = `The MCP server ${server} wants to ask the model: ${shown}`;
  const decision = during.unasked ? undefined : await during.ask(summary, []);
  if (!during.unasked && decision?.decision !== 'allow') throw new Error('a person did not let it');
  const { text, model } = await during.askModel(systemPrompt ?? 'You answer a program.', texts);
  return {
    role: 'assistant' as const,
    content: { type: 'text' as const, text },
    model,
    stopReason: 'endTurn',
  };
}
