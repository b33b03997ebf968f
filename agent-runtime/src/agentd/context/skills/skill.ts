import { posix } from 'node:path';
import { z } from 'zod';
import type { PathPattern } from '../../../glob/path-pattern.ts';
import { type Effort, effort } from '../../model/effort.ts';
import { splitFrontmatter } from '../frontmatter.ts';
import { frontmatterHooks } from '../frontmatter-hooks.ts';
import { proseOf } from '../markdown.ts';
import { parsePaths } from '../paths.ts';
import type { CollectedFile } from '../source.ts';

/** A skill (`NAME/SKILL.md`) or a command (`NAME.md`): they are used alike. */
export interface Skill {
  /** What it is called by: `deploy`, `frontend:component`. */
  name: string;
  path: string;
  /** Where the files lie that it may speak of. */
  folder: string;
  description: string;
  argumentHint: string | undefined;
  /** Names of its arguments, in their order. */
  argumentNames: readonly string[];
  /** Permission rules that it asks for, and tools that it must not have. */
  allowedTools: readonly string[];
  disallowedTools: readonly string[];
  /** Whether the model may start it by itself, and whether a person may with `/name`. */
  modelInvocable: boolean;
  userInvocable: boolean;
  /** With `context: fork`: the kind of subagent that it is the task of. */
  subagent: string | undefined;
  /** The model that answers for the rest of the turn; absent or a family's name: that of the workspace. */
  model: string | undefined;
  /** The effort of the model for the rest of the turn. */
  effort: Effort | undefined;
  /** Files that the work must have reached before the model is told of it, as seen from `base`; absent: it is told at once. */
  paths: readonly PathPattern[] | undefined;
  base: string;
  /** What stands for `${NAME}` in it, beside what stands so in every skill: those of its plugin. */
  variables: Readonly<Record<string, string>>;
  /** Hooks that have their say while it is at work. */
  hooks: Readonly<Record<string, unknown>> | undefined;
  /** The text behind the frontmatter. */
  body: string;
  /** Sentences about what is wrong with the file, with its name. */
  problems: readonly string[];
}

const maxTextChars = 10_000;
const text = z.string().max(maxTextChars);
const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const yes = ['true', 'yes', 'on', '1'];
const flag = scalar.transform((value, context) => {
  const word = value.toLowerCase();
  if (yes.includes(word)) return true;
  if (['false', 'no', 'off', '0'].includes(word)) return false;
  context.addIssue({ code: 'custom', message: 'must be true or false' });
  return z.NEVER;
});
/** A list, or a text of words. */
const words = z.union([z.array(scalar).max(200), text.transform(wordsOf)]);

/** The fields that have an effect; others are for other programs. */
const fields = {
  description: text,
  when_to_use: text,
  // `[file]` is a list to YAML, and a hint to whoever wrote it.
  'argument-hint': z.union([scalar, z.array(scalar).transform((items) => `[${items.join(', ')}]`)]),
  arguments: words,
  'allowed-tools': words,
  'disallowed-tools': words,
  'disable-model-invocation': flag,
  'user-invocable': flag,
  context: z.enum(['fork'], 'must be fork, or not there'),
  agent: text,
  model: text,
  effort,
  hooks: frontmatterHooks,
};
type Fields = { [Name in keyof typeof fields]?: z.infer<(typeof fields)[Name]> };

/**
 * Reads a skill's file; `base` is the folder that its `paths` are seen from. One that is broken is a skill that only a person
 * starts, with a sentence on what is wrong.
 */
export async function parseSkill(
  name: string,
  { path, content }: CollectedFile,
  base: string,
): Promise<Skill> {
  const frontmatter = await splitFrontmatter(content);
  const { problem } = frontmatter;
  const { known, wrong } = checked(frontmatter.fields);
  const { patterns, problem: unusable } = parsePaths(frontmatter.fields.paths);
  if (unusable !== undefined) wrong.push(`paths: ${unusable}`);
  const described = known.description ?? firstParagraph(frontmatter.body);
  return {
    name,
    path,
    folder: posix.dirname(path),
    description: [described, known.when_to_use ?? ''].join(' ').replace(/\s+/g, ' ').trim(),
    argumentHint: known['argument-hint'],
    argumentNames: known.arguments ?? [],
    allowedTools: known['allowed-tools'] ?? [],
    disallowedTools: known['disallowed-tools'] ?? [],
    // What it says of itself cannot be read, and it may say that only a person may start it.
    modelInvocable: problem === undefined && wrong.length === 0 && known['disable-model-invocation'] !== true,
    userInvocable: known['user-invocable'] ?? true,
    subagent: known.context === undefined ? undefined : (known.agent ?? 'general-purpose'),
    model: known.model,
    effort: known.effort,
    paths: patterns,
    base,
    variables: {},
    hooks: known.hooks,
    body: frontmatter.body.trim(),
    problems: [
      ...(problem === undefined ? [] : [`${path}:${problem.line}: ${problem.message}.`]),
      ...wrong.map((sentence) => `${path}:${lineOf(content, sentence)}: ${sentence}.`),
    ].map((sentence) => `${sentence} It runs only as /${name} until this is put right.`),
  };
}

/** What stands for `${NAME}` in a skill, with what does so in every one. */
export function variablesIn(
  { variables, effort, folder }: Skill,
  everywhere: Readonly<Record<string, string>>,
): Record<string, string> {
  const own = { ...variables, CLAUDE_SKILL_DIR: folder };
  return { ...everywhere, ...own, ...(effort !== undefined && { CLAUDE_EFFORT: effort }) };
}

function checked(given: Record<string, unknown>): { known: Fields; wrong: string[] } {
  const known: Record<string, unknown> = {};
  const wrong: string[] = [];
  for (const [name, schema] of Object.entries(fields)) {
    if (given[name] === undefined || given[name] === null) continue;
    const parsed = schema.safeParse(given[name]);
    if (parsed.success) known[name] = parsed.data;
    else wrong.push(`${name}: ${parsed.error.issues[0]?.message ?? 'it is not valid'}`);
  }
  return { known: known as Fields, wrong };
}

/** The line of the field that a sentence begins with. */
function lineOf(content: string, sentence: string): number {
  const field = sentence.slice(0, sentence.indexOf(':'));
  return content.split('\n').findIndex((line) => line.startsWith(`${field}:`)) + 1;
}

/** Splits at commas and white space outside of brackets: `Bash(git add *), Read`. */
function wordsOf(list: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let word = '';
  for (const character of `${list} `) {
    if (character === '(') depth += 1;
    if (character === ')') depth = Math.max(0, depth - 1);
    if (depth > 0 || !/[\s,]/.test(character)) word += character;
    else if (word !== '') {
      found.push(word);
      word = '';
    }
  }
  return word === '' ? found : [...found, word.trim()];
}

function firstParagraph(body: string): string {
  const [first = ''] = proseOf(body)
    .join('')
    .trim()
    .split(/\n[ \t]*\n/);
  return first.replace(/^#+[ \t]*/, '').slice(0, maxTextChars);
}
