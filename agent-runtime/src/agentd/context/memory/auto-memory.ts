import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { resolvePath } from '../../permissions/path-pattern.ts';
import type { SettingsFile } from '../../settings/settings.ts';
import { reminder } from '../reminder.ts';
import type { CollectedFile, ContextSource } from '../source.ts';
import { hashOf } from './file.ts';

/** What the model is shown of the index: whichever is less. */
const maxLines = 200;
const maxBytes = 25 * 1024;
/** From this share of a limit on the model is asked to shorten it. */
const nearly = 0.9;
/** Bytes of the index that are read, to know whether it is as the session wrote it. */
const readBytes = 256 * 1024;

/** Where an agent keeps notes for later conversations. */
export interface AutoMemory {
  folder: string;
  /** The folder is the usual one, whose notes the agent may write unasked; not one that a settings file names. */
  usual: boolean;
  /** Who is shown the index, and what belongs into it: words of a sentence. */
  shownTo: string;
  keeps: string;
}

const ofProject = {
  shownTo: 'Every conversation of this project',
  keeps:
    'what a later conversation needs and cannot find out from the files or from CLAUDE.md: who the user is and how they like to work (type: user), corrections and approaches they confirmed (type: feedback), decisions, deadlines and work under way (type: project), where to look outside of the project (type: reference).',
};

/**
 * Whether there is any memory: switched by `CLAUDE_CODE_DISABLE_AUTO_MEMORY`, which counts for more either way, or by
 * `autoMemoryEnabled` in the nearest settings file that has it.
 */
export function hasMemory(
  files: readonly SettingsFile[],
  environment: Readonly<Record<string, string>>,
): boolean {
  const disabled = environment.CLAUDE_CODE_DISABLE_AUTO_MEMORY;
  const setting = files.findLast(({ settings }) => settings.autoMemoryEnabled !== undefined);
  return disabled === undefined || disabled === ''
    ? (setting?.settings.autoMemoryEnabled ?? true)
    : ['0', 'false'].includes(disabled);
}

/** The memory of a project. Undefined where it is switched off. */
export function autoMemoryOf(
  project: string,
  home: string,
  files: readonly SettingsFile[],
  environment: Readonly<Record<string, string>>,
): AutoMemory | undefined {
  if (!hasMemory(files, environment)) return undefined;
  const named = files.flatMap(({ settings }) => settings.autoMemoryDirectory ?? []).at(-1);
  if (named !== undefined) return { folder: resolvePath(named, home, home), usual: false, ...ofProject };
  return usualMemory(project, home);
}

/** The memory of a project where no settings file says anything of it. */
export function usualMemory(project: string, home: string): AutoMemory {
  const name = project.replace(/[^A-Za-z0-9]/g, '-');
  return { folder: posix.join(home, '.claude/projects', name, 'memory'), usual: true, ...ofProject };
}

export function indexOf({ folder }: AutoMemory): string {
  return posix.join(folder, 'MEMORY.md');
}

/** Rules that let the agent write its notes unasked; those of its class and of settings files go before. */
export function memoryRules(memory: AutoMemory | undefined): string[] {
  return memory?.usual ? [`Edit(/${memory.folder}/*.md)`] : [];
}

/** What opens the conversation: the same text as long as the folder is the same. */
export function memoryInstructions(memory: AutoMemory): string {
  return reminder(
    `You have a memory that outlasts this conversation: Markdown files in ${memory.folder}. ${memory.shownTo} is shown the beginning of its index ${indexOf(memory)} (${maxLines} lines or ${maxBytes / 1024} KB); the other files you read when a line of the index says that they matter.`,
    `Keep there ${memory.keeps} One file for each, with name, description and type in its frontmatter, and one line in the index that links to it. Use Write and Edit. Change or remove what has become wrong. Nothing secret, and nothing for the task at hand alone.`,
    'Notes may be out of date: check what you rely on.',
  );
}

/** The index as it lies there. Undefined where there is none, or nothing in it. */
export async function readIndex(memory: AutoMemory, source: ContextSource): Promise<MemoryIndex | undefined> {
  const request = { files: [indexOf(memory)], folders: [], maxFileBytes: readBytes };
  const [file] = (await source.collect(request)).files;
  return file === undefined || file.content.trim() === '' ? undefined : new MemoryIndex(file);
}

export class MemoryIndex {
  readonly path: string;
  /** What the model is shown. */
  readonly shown: string;
  /** What says whether it is as the model was told. */
  readonly hash: string;
  /** SHA-256 of the file, as tools know it; undefined where it is too long to know. */
  readonly fileHash: string | undefined;
  readonly #lines: number;
  readonly #bytes: number;

  constructor({ path, content, bytes, truncated }: CollectedFile) {
    this.path = path;
    const lines = content.replace(/\n$/, '').split('\n');
    this.#lines = lines.length;
    this.#bytes = bytes;
    const start = Buffer.from(lines.slice(0, maxLines).join('\n'));
    this.shown = cutAt(start, maxBytes);
    this.hash = hashOf(`${bytes}\n${content}`);
    this.fileHash = truncated ? undefined : createHash('sha256').update(content).digest('hex');
  }

  /** For the model, about an index that it cannot be shown whole, or soon cannot. */
  get advice(): string | undefined {
    const has = `${this.path} has ${this.#lines} lines and ${this.#bytes} bytes`;
    const how =
      'Keep one line for each note, move detail into files of their own, merge or remove what is old.';
    if (this.#lines > maxLines || this.#bytes > maxBytes)
      return `${has}, more than the ${maxLines} lines or ${maxBytes} bytes that a conversation is shown: the rest is not seen by any. Rewrite it now. ${how}`;
    if (this.#lines > maxLines * nearly || this.#bytes > maxBytes * nearly)
      return `${has}; ${maxLines} lines or ${maxBytes} bytes are shown. Shorten it. ${how}`;
    return undefined;
  }
}

/** Whole characters of at most so many bytes. */
function cutAt(bytes: Buffer, most: number): string {
  let end = Math.min(bytes.length, most);
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString('utf8').toWellFormed();
}
