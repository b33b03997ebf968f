import type { AskPerson } from '../tools/tool.ts';
import { elicitUrl } from './elicit-url.ts';
import { contentOf, type FormValue, questionsOf, readForm } from './elicitation.ts';

/** What a server is told of a question that it had for a person. */
export interface Elicited {
  action: 'accept' | 'decline' | 'cancel';
  content?: Record<string, FormValue>;
  [key: string]: unknown;
}

/** Questions that a person answers at once. */
const atOnce = 4;
/** How often a person is asked again, where an answer was none. */
const tries = 3;

/** What a server wants of a person: a form to be filled in, or a URL to be opened. */
export interface Elicitation {
  message: string;
  mode?: string | undefined;
  requestedSchema?: unknown;
  url?: unknown;
}

/**
 * Has a person fill in a form of a server, or go to a URL of it, within the call of a tool. Rejects with why it cannot be shown, or the signal's reason.
 * `ask` is the call's; without one nobody is asked.
 */
export async function elicit(
  server: string,
  wanted: Elicitation,
  ask: AskPerson | undefined,
): Promise<Elicited> {
  if (wanted.mode === 'url') return elicitUrl(server, wanted, ask);
  const { message, requestedSchema } = wanted;
  const form = readForm(requestedSchema);
  if (ask === undefined) return { action: 'cancel' };
  const questions = questionsOf(form);
  const parts = Math.max(1, Math.ceil(questions.length / atOnce));
  let wrong = '';
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const answers: string[] = [];
    for (let part = 0; part < parts; part += 1) {
      const which = parts === 1 ? '' : ` (${part + 1} of ${parts})`;
      const summary = `${wrong}The MCP server ${server} asks${which}: ${message.slice(0, 1_500)}`;
      const decision = await ask(summary, questions.slice(part * atOnce, (part + 1) * atOnce));
      if (decision === undefined) return { action: 'cancel' };
      if (decision.decision === 'deny') return { action: 'decline' };
      answers.push(...(decision.answers ?? []));
    }
    const content = contentOf(form, answers);
    if (typeof content !== 'string') return { action: 'accept', content };
    wrong = `${content} `;
  }
  return { action: 'cancel' };
}
