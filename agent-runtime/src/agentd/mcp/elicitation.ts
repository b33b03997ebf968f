import { z } from 'zod';
import type { AskedQuestion } from '../../protocol/messages.ts';

/** Fields that a form may have. */
const mostFields = 16;
/** Choices that are shown as such; more are named in the question. */
const shownChoices = 4;
/** What a person answers to leave a field out. */
const leftOut = '-';

const choice = z.looseObject({ const: z.string(), title: z.string().optional() });
const field = z.looseObject({
  type: z.enum(['string', 'number', 'integer', 'boolean', 'array']),
  title: z.string().optional(),
  description: z.string().optional(),
  enum: z.array(z.string()).optional(),
  enumNames: z.array(z.string()).optional(),
  oneOf: z.array(choice).optional(),
  items: z
    .looseObject({ enum: z.array(z.string()).optional(), anyOf: z.array(choice).optional() })
    .optional(),
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
});
type Field = z.infer<typeof field>;

const form = z.looseObject({
  properties: z.record(z.string(), field).default({}),
  required: z.array(z.string()).default([]),
});
export type Form = z.infer<typeof form>;
export type FormValue = string | number | boolean | string[];

/** The form that a server wants filled in. Throws with why no person can. */
export function readForm(schema: unknown): Form {
  const parsed = form.safeParse(schema ?? {});
  if (!parsed.success) throw new Error(`the form cannot be shown: ${parsed.error.issues[0]?.message}`);
  const fields = Object.keys(parsed.data.properties).length;
  if (fields > mostFields)
    throw new Error(`a form has at most ${mostFields} fields here, and this one ${fields}`);
  return parsed.data;
}

/** One question for each field, in their order. */
export function questionsOf({ properties, required }: Form): AskedQuestion[] {
  return Object.entries(properties).map(([name, each]) => {
    const choices = choicesOf(each);
    const hints = [
      ...(each.description === undefined ? [] : [each.description.slice(0, 500)]),
      ...(each.type === 'number' || each.type === 'integer' ? ['a number'] : []),
      ...(choices.length > shownChoices
        ? [
            `one of ${choices
              .map(({ title }) => title)
              .join(', ')
              .slice(0, 1_000)}`,
          ]
        : []),
      ...(each.default === undefined ? [] : [`${leftOut} for ${String(each.default).slice(0, 100)}`]),
      ...(required.includes(name) || each.default !== undefined ? [] : [`${leftOut} to leave it out`]),
    ];
    const about = hints.length === 0 ? '' : ` (${hints.join('; ')})`;
    return {
      question: `${(each.title ?? name).slice(0, 200)}${about}`.toWellFormed(),
      options:
        choices.length > shownChoices ? [] : choices.map(({ title }) => ({ label: title.slice(0, 200) })),
      several: each.type === 'array',
    };
  });
}

/** What was filled in; or the sentence that says which answer cannot be. */
export function contentOf(
  { properties, required }: Form,
  answers: readonly string[],
): Record<string, FormValue> | string {
  const content: Record<string, FormValue> = {};
  for (const [at, [name, each]] of Object.entries(properties).entries()) {
    const answer = (answers[at] ?? leftOut).trim();
    const title = each.title ?? name;
    if (answer === leftOut || answer === '') {
      if (each.default !== undefined) content[name] = each.default;
      else if (required.includes(name)) return `${title} cannot be left out.`;
      continue;
    }
    const value = asTyped(each, answer);
    if (value === undefined) return `${title} cannot be ${JSON.stringify(answer.slice(0, 100))}.`;
    content[name] = value;
  }
  return content;
}

/** The same of values by the names of their fields, as a program gives them. */
export function contentFrom(
  { properties, required }: Form,
  given: Readonly<Record<string, unknown>>,
): Record<string, FormValue> | string {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(properties, name));
  if (unknown !== undefined) return `The form has no field ${unknown.slice(0, 100)}.`;
  const content: Record<string, FormValue> = {};
  for (const [name, each] of Object.entries(properties)) {
    const value = given[name] === undefined ? each.default : given[name];
    if (value === undefined) {
      if (required.includes(name)) return `${name} cannot be left out.`;
    } else if (fits(each, value)) content[name] = value;
    else return `${name} cannot be ${JSON.stringify(value).slice(0, 100)}.`;
  }
  return content;
}

function fits(each: Field, value: unknown): value is FormValue {
  if (each.type === 'boolean') return typeof value === 'boolean';
  if (each.type === 'integer') return Number.isInteger(value);
  if (each.type === 'number') return Number.isFinite(value);
  const choices = choicesOf(each).map((choice) => choice.value);
  const offered = (one: unknown) =>
    typeof one === 'string' && (choices.length === 0 || choices.includes(one));
  return each.type === 'array' ? Array.isArray(value) && value.every(offered) : offered(value);
}

function asTyped(each: Field, answer: string): FormValue | undefined {
  if (each.type === 'boolean') {
    if (/^(y|yes|true|1)$/i.test(answer)) return true;
    return /^(n|no|false|0)$/i.test(answer) ? false : undefined;
  }
  if (each.type === 'number' || each.type === 'integer') {
    const number = Number(answer);
    const fits = Number.isFinite(number) && (each.type === 'number' || Number.isInteger(number));
    return fits ? number : undefined;
  }
  const choices = choicesOf(each);
  const chosen = (text: string) =>
    choices.find(({ value, title }) => [value, title].some((it) => it.toLowerCase() === text.toLowerCase()))
      ?.value;
  if (each.type === 'array') {
    const values = answer.split(',').map((part) => chosen(part.trim()));
    return values.every((value) => value !== undefined) ? values : undefined;
  }
  return choices.length === 0 ? answer : chosen(answer);
}

function choicesOf(each: Field): { value: string; title: string }[] {
  if (each.type === 'boolean') return ['Yes', 'No'].map((title) => ({ value: title.toLowerCase(), title }));
  const named = each.oneOf ?? each.items?.anyOf;
  if (named !== undefined) return named.map(({ const: value, title = value }) => ({ value, title }));
  const values = each.enum ?? each.items?.enum ?? [];
  return values.map((value, at) => ({ value, title: each.enumNames?.[at] ?? value }));
}
