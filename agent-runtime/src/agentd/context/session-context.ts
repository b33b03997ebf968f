import { posix } from 'node:path';
import type { Logger } from 'pino';
import type { ContentBlock, TranscriptEntry } from '../session/entry.ts';
import type { NewEntry } from '../session/write-entry.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { describeMemory, describeProblems } from './memory/describe.ts';
import { hashOf, isFor } from './memory/file.ts';
import { loadMemory, type Memory } from './memory/load.ts';
import { foldersBelow, foldersDownTo } from './memory/places.ts';
import { reminder } from './reminder.ts';
import type { ContextSource } from './source.ts';
import { toldFiles, touchedSince } from './told.ts';

const precedence =
  'The following comes from files of this workspace. Where they give instructions, follow them rather than your habits, as far as they bear on what you are asked to do.';

/**
 * What a session knows of the files around it. What lies at its first working directory and above opens the conversation: it
 * is read anew for each turn and is the same while the files are, so the prompt cache holds. What lies below enters the
 * transcript as a reminder once the work gets there, and again when it has changed. Nothing else is kept.
 */
export class SessionContext {
  readonly #source: ContextSource;
  readonly #log: Logger;
  /** The first working directory of the session. */
  readonly #project: string;
  #opening: Promise<ContentBlock[]> | undefined;
  #memory: Memory | undefined;

  constructor(source: ContextSource, entries: readonly TranscriptEntry[], log: Logger) {
    this.#source = source;
    this.#log = log;
    this.#project = entries[0]?.cwd ?? source.home;
  }

  /**
   * What stands before the first prompt of each request. It never fails for the files' sake: a turn goes on without them, and
   * says that it does.
   */
  opening(): Promise<ContentBlock[]> {
    this.#opening ??= this.#unlessUnreadable(
      () => this.#read(),
      (why) => [
        {
          type: 'text',
          text: reminder(
            `The files with instructions, such as CLAUDE.md, could not be read: ${why}. Say so, and read them yourself before you change anything.`,
          ),
        },
      ],
    );
    return this.#opening;
  }

  /** What the transcript must say next: instructions for where the work has got since the last answer, if they are news. */
  news(entries: readonly TranscriptEntry[]): Promise<NewEntry | undefined> {
    return this.#unlessUnreadable(
      () => this.#readBelow(entries),
      () => undefined,
    );
  }

  async #unlessUnreadable<T>(read: () => Promise<T>, otherwise: (why: string) => T): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
      this.#log.warn({ err: error }, 'the files with instructions cannot be read');
      return otherwise(error.message);
    }
  }

  async #read(): Promise<ContentBlock[]> {
    const folders = foldersDownTo(this.#project, this.#source.home);
    this.#memory = await loadMemory(
      [this.#source.home, ...folders.filter((folder) => folder !== this.#source.home)],
      this.#project,
      this.#source,
    );
    const told = describeMemory(this.#memory.files, this.#source.home);
    const problems = describeProblems(this.#memory.problems);
    if (told.length === 0 && problems === '') return [];
    return [{ type: 'text', text: reminder(told.length > 0 ? precedence : '', ...told, problems) }];
  }

  async #readBelow(entries: readonly TranscriptEntry[]): Promise<NewEntry | undefined> {
    const { files, folders } = touchedSince(entries);
    const around = [...folders, ...[...files].map((file) => posix.dirname(file))];
    const below = foldersBelow(this.#project, around);
    const scoped = this.#memory?.scoped ?? [];
    if (below.length === 0 && (scoped.length === 0 || files.size === 0)) return undefined;
    const has = this.#memory?.files.map((file) => file.realPath);
    const memory = await loadMemory(below, this.#project, this.#source, has);
    const rules = [...scoped, ...memory.scoped].filter(({ rule, base }) => isFor(rule, base, files));
    const told = toldFiles(entries);
    const fresh = [...memory.files, ...rules.map(({ rule }) => rule)].filter(
      (file) => file.text !== '' && told.get(file.path) !== hashOf(file.text),
    );
    if (fresh.length === 0) return undefined;
    const text = reminder(
      precedence,
      ...describeMemory(fresh, this.#source.home),
      describeProblems(memory.problems),
    );
    return {
      message: { role: 'user', content: [{ type: 'text', text }] },
      contextFiles: fresh.map((file) => ({ path: file.path, hash: hashOf(file.text) })),
    };
  }
}
