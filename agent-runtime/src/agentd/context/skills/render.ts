import { posix } from 'node:path';
import { importsOf } from '../memory/imports.ts';
import { reminder } from '../reminder.ts';
import type { ContextSource } from '../source.ts';
import { substitute } from './arguments.ts';
import { partsOf } from './commands-inside.ts';
import { parseSkill, type Skill, variablesIn } from './skill.ts';

/** Bytes of a skill's file, and characters of what becomes of it and of each file that it names. */
const limits = { fileBytes: 256 * 1024, text: 200_000, attached: 40_000, files: 20 };

/** A skill or a command that came to nothing. The message says why, and what to do. */
export class SkillFailure extends Error {
  override readonly name = 'SkillFailure';
  readonly reason: 'UnknownCommand' | 'CommandFailed' | 'BlockedByHook' | 'StoppedByHook';

  constructor(reason: SkillFailure['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What a skill is rendered with. */
export interface Setting {
  source: ContextSource;
  /** The session's working directory, which files are named from. */
  cwd: string;
  /** `CLAUDE_SESSION_ID`, `CLAUDE_PROJECT_DIR` and, unless it is the model's usual one, `CLAUDE_EFFORT`. */
  variables: Readonly<Record<string, string>>;
  /** Resolves with what a command printed. Throws `SkillFailure` where it may not run or fails. */
  run(command: string, skill: Skill): Promise<string>;
}

export interface Rendered {
  skill: Skill;
  /** What the model reads. */
  text: string;
}

/**
 * The text of a skill as it is now, with its arguments, with the output of its commands, and with the files that it names by
 * `@path` behind it. Arguments and output are text: nothing in them is run or read.
 */
export async function renderSkill(listed: Skill, args: string, setting: Setting): Promise<Rendered> {
  const skill = await readWhole(listed, setting);
  const to = {
    args,
    argumentNames: skill.argumentNames,
    variables: variablesIn(skill, setting.variables),
  };
  const pieces: string[] = [];
  const named: string[] = [];
  let used = false;
  for (const part of partsOf(skill.body)) {
    if (part.kind === 'run') {
      const command = substitute(part.command, to);
      used ||= command.used;
      pieces.push(await setting.run(command.text, skill));
    } else {
      const replaced = substitute(part.text, to);
      used ||= replaced.used;
      pieces.push(replaced.text);
      named.push(replaced.text);
    }
  }
  let text = pieces.join('').trim();
  if (!used && args !== '') text = `${text}\n\nARGUMENTS: ${args}`;
  if (text.length > limits.text) {
    text = `${text.slice(0, limits.text)}\n[Cut: it is longer than ${limits.text} characters. Read ${skill.path} for the rest.]`;
  }
  const attached = await attachments(named.join(''), setting);
  return { skill, text: [text, ...attached].filter((part) => part !== '').join('\n\n') };
}

async function readWhole(listed: Skill, { source }: Setting): Promise<Skill> {
  const { files } = await source.collect({
    files: [listed.path],
    folders: [],
    maxFileBytes: limits.fileBytes,
  });
  const file = files[0];
  if (file === undefined) {
    throw new SkillFailure(
      'CommandFailed',
      `${listed.path} cannot be read any more, so ${listed.name} did not run.`,
    );
  }
  return { ...(await parseSkill(listed.name, file, listed.base)), variables: listed.variables };
}

/** The files that a text names by `@path`, as reminders. A word that is no file stays a word. */
async function attachments(text: string, { source, cwd }: Setting): Promise<string[]> {
  const paths = importsOf(text, posix.join(cwd, 'prompt'), source.home).slice(0, limits.files);
  if (paths.length === 0) return [];
  const { files } = await source.collect({ files: paths, folders: [], maxFileBytes: limits.attached * 4 });
  return files.map(({ path, content, truncated, bytes }) => {
    const cut = truncated || content.length > limits.attached;
    const shown = content.slice(0, limits.attached);
    const rest = cut ? `[Cut: it has ${bytes} bytes. Read it for the rest.]` : '';
    return reminder(`Contents of ${path}:`, shown, rest);
  });
}
