import type { AskPerson } from '../tools/tool.ts';
import { urlQuestion } from './elicit-url.ts';
import { contentFrom, contentOf, type Form, type FormValue, questionsOf, readForm } from './elicitation.ts';

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
  elicitationId?: unknown;
}

/** The same, as hooks are asked about it. */
export interface ServerQuestion {
  server: string;
  wanted: Elicitation;
  /** Which one of its call it is, where the call may be run again. */
  key?: string | undefined;
  /** A person was asked it before. */
  asked?: boolean | undefined;
  /** To accept with this; or the sentence that says why that is no answer to it. */
  accepted(content: Readonly<Record<string, unknown>>): Elicited | string;
}

/** Hooks that have a say in what servers ask. */
export interface ElicitationHooks {
  /** What they answer in place of a person. Undefined: a person is asked. */
  instead(question: ServerQuestion): Promise<Elicited | undefined>;
  /** What the server is told of what a person answered. */
  afterwards(question: ServerQuestion, answer: Elicited): Promise<Elicited>;
}

/** Who answers within a call. */
export interface Answering extends Pick<ServerQuestion, 'key' | 'asked'> {
  ask: AskPerson;
  hooks: ElicitationHooks;
}

/**
 * Has a form of a server filled in, or a person go to a URL of it, within the call of a tool. Rejects with why it cannot be shown, or the
 * signal's reason. Outside of a call nobody is asked.
 */
export async function elicit(
  server: string,
  wanted: Elicitation,
  answering: Answering | undefined,
): Promise<Elicited> {
  const shown = wanted.mode === 'url' ? urlQuestion(server, wanted) : readForm(wanted.requestedSchema);
  if (answering === undefined) return { action: 'cancel' };
  const { ask, hooks, key, asked } = answering;
  const accepted = (content: Readonly<Record<string, unknown>>): Elicited | string => {
    if (typeof shown === 'string') return { action: 'accept' };
    const filledIn = contentFrom(shown, content);
    return typeof filledIn === 'string' ? filledIn : { action: 'accept', content: filledIn };
  };
  const question: ServerQuestion = { server, wanted, key, asked, accepted };
  const instead = await hooks.instead(question);
  if (instead !== undefined) return instead;
  const answer = await (typeof shown === 'string'
    ? sentTo(shown, ask)
    : filledIn(server, wanted.message, shown, ask));
  return answer === undefined ? { action: 'cancel' } : hooks.afterwards(question, answer);
}

async function sentTo(summary: string, ask: AskPerson): Promise<Elicited | undefined> {
  const decision = await ask(summary, []);
  return decision && { action: decision.decision === 'allow' ? 'accept' : 'decline' };
}

/** Undefined: nobody answered, or not so that it can be. */
async function filledIn(
  server: string,
  message: string,
  form: Form,
  ask: AskPerson,
): Promise<Elicited | undefined> {
  const questions = questionsOf(form);
  const parts = Math.max(1, Math.ceil(questions.length / atOnce));
  let wrong = '';
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const answers: string[] = [];
    for (let part = 0; part < parts; part += 1) {
      const which = parts === 1 ? '' : ` (${part + 1} of ${parts})`;
      const summary = `${wrong}The MCP server ${server} asks${which}: ${message.slice(0, 1_500)}`;
      const decision = await ask(summary, questions.slice(part * atOnce, (part + 1) * atOnce));
      if (decision === undefined) return undefined;
      if (decision.decision === 'deny') return { action: 'decline' };
      answers.push(...(decision.answers ?? []));
    }
    const content = contentOf(form, answers);
    if (typeof content !== 'string') return { action: 'accept', content };
    wrong = `${content} `;
  }
  return undefined;
}
