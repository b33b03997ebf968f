import { posix } from 'node:path';
import type { Logger } from 'pino';
import { isInside } from '../permissions/path-pattern.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { blocksOf, type ContentBlock, type TranscriptEntry } from '../session/entry.ts';
import type { NewEntry } from '../session/write-entry.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { listAgents, loadAgents } from './agents/catalogue.ts';
import type { AgentDefinition } from './agents/definition.ts';
import {
  type AutoMemory,
  indexOf,
  type MemoryIndex,
  memoryInstructions,
  readIndex,
  usualMemory,
} from './memory/auto-memory.ts';
import { describeMemory, describeProblems } from './memory/describe.ts';
import { hashOf } from './memory/file.ts';
import { loadMemory, type Memory } from './memory/load.ts';
import type { Loaded } from './memory/loaded.ts';
import { foldersBelow, foldersDownTo } from './memory/places.ts';
import { isForOneOf } from './paths.ts';
import { reminder } from './reminder.ts';
import { loadCatalogue } from './skills/catalogue.ts';
import { listSkills } from './skills/listing.ts';
import type { Skill } from './skills/skill.ts';
import type { ContextSource } from './source.ts';
import { skillFolders, toldFiles, touchedSince } from './told.ts';

const precedence =
  'The following comes from files of this workspace. Where they give instructions, follow them rather than your habits, as far as they bear on what you are asked to do.';

/** The plugins of a workspace, as a session looks at them. */
export interface SessionPlugins {
  load(): Promise<readonly Plugin[]>;
  /** A sentence for each that is not as it should be. */
  problems(): string[];
}

/**
 * What a session knows of the files around it. What lies at its first working directory and above opens the conversation: it
 * is read anew for each turn and is the same while the files are, so the prompt cache holds. What lies below enters the
 * transcript as a reminder once the work gets there, and again when it has changed. Nothing else is kept.
 */
export class SessionContext {
  readonly #source: ContextSource;
  readonly #log: Logger;
  readonly #mayDelegate: boolean;
  /** The folder that the session began in. */
  readonly #project: string;
  readonly #plugins: SessionPlugins;
  #opening: Promise<ContentBlock[]> | undefined;
  #memory: Memory | undefined;
  #newest: Loaded | undefined;
  readonly #autoMemory: () => Promise<AutoMemory | undefined>;
  readonly #excludes: () => Promise<(path: string) => boolean>;
  /** The index of its notes, once it was looked for. */
  #index: { found: MemoryIndex | undefined } | undefined;
  /** Whether there is a skill that the model is told of only once the work reaches certain files. */
  #scopedSkills = false;

  constructor(
    source: ContextSource,
    project: string,
    log: Logger,
    plugins: SessionPlugins,
    /** Whether it has the tool that calls subagents. */
    mayDelegate = true,
    /** Where it keeps notes, if it does. */
    autoMemory: () => Promise<AutoMemory | undefined> = async () => undefined,
    /** Says which files with instructions are not read, by absolute path. */
    excludes: () => Promise<(path: string) => boolean> = async () => () => false,
  ) {
    this.#plugins = plugins;
    this.#source = source;
    this.#mayDelegate = mayDelegate;
    this.#autoMemory = autoMemory;
    this.#excludes = excludes;
    this.#log = log;
    this.#project = project;
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

  /** The files that open the conversation. */
  get opened(): Loaded {
    return { files: this.#memory?.files ?? [], touched: [], bases: new Map() };
  }

  /** The files that the last news told of. */
  get newest(): Loaded | undefined {
    return this.#newest;
  }

  /** What the transcript must say next: instructions for where the work has got since the last answer, if they are news. */
  news(entries: readonly TranscriptEntry[]): Promise<NewEntry | undefined> {
    return this.#unlessUnreadable(
      async () => {
        const below = await this.#readBelow(entries);
        return together(below, await this.#indexNews(entries));
      },
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
    const { home } = this.#source;
    const folders = [...new Set([home, ...foldersDownTo(this.#project, home)])];
    const plugins = await this.#plugins.load();
    const [memory, catalogue, { agents, problems }, notes] = await Promise.all([
      loadMemory(folders, this.#project, this.#source, this.#excludes()),
      loadCatalogue(folders, this.#project, this.#source, plugins),
      loadAgents(folders, this.#source, plugins),
      this.#readNotes(),
    ]);
    this.#memory = memory;
    const skills = [...catalogue.skills.values()];
    this.#scopedSkills = skills.some(({ paths }) => paths !== undefined);
    const instructions = describeMemory(memory.files, home);
    const texts = [
      ...(instructions.length > 0 ? [reminder(precedence, ...instructions)] : []),
      ...(notes === undefined ? [] : [memoryInstructions(notes)]),
      ...skillsText(skills.filter(({ paths }) => paths === undefined)),
      ...(this.#mayDelegate ? agentsText([...agents.values()]) : []),
      ...problemsText([...this.#plugins.problems(), ...memory.problems, ...catalogue.problems, ...problems]),
    ];
    return texts.map((text) => ({ type: 'text', text }));
  }

  /**
   * Where the notes are; their index is read with them, as it will be needed next. The usual one is read beside the settings that
   * could name another.
   */
  async #readNotes(): Promise<AutoMemory | undefined> {
    const usual = usualMemory(this.#project, this.#source.home);
    const [notes, found] = await Promise.all([this.#autoMemory(), readIndex(usual, this.#source)]);
    if (notes !== undefined)
      this.#index = {
        found: notes.folder === usual.folder ? found : await readIndex(notes, this.#source),
      };
    return notes;
  }

  /**
   * The index of the notes where the conversation does not hold it as it is now: another session or a person changed it, or a
   * summary took the place of what was said. What the session wrote itself it knows, but not that it became too long.
   */
  async #indexNews(entries: readonly TranscriptEntry[]): Promise<NewEntry | undefined> {
    const notes = await this.#autoMemory();
    if (notes === undefined) return undefined;
    const path = indexOf(notes);
    if (this.#index === undefined || touchedSince(entries).files.has(path))
      this.#index = { found: await readIndex(notes, this.#source) };
    const { found } = this.#index;
    if (found === undefined || toldFiles(entries).get(path) === found.hash) return undefined;
    const last = entries.findLast(({ toolUseResult }) => toolUseResult?.path === path)?.toolUseResult;
    const known = last?.hash !== undefined && last.hash === found.fileHash;
    const parts = [
      ...(known ? [] : [`Contents of ${path} (the index of your memory):`, found.shown]),
      ...(found.advice === undefined ? [] : [found.advice]),
    ];
    if (parts.length === 0) return undefined;
    return {
      message: { role: 'user', content: [{ type: 'text', text: reminder(...parts) }] },
      contextFiles: [{ path, hash: found.hash }],
    };
  }

  async #readBelow(entries: readonly TranscriptEntry[]): Promise<NewEntry | undefined> {
    this.#newest = undefined;
    const { files, folders } = touchedSince(entries);
    const around = [...folders, ...[...files].map((file) => posix.dirname(file))];
    const below = foldersBelow(this.#project, around);
    const scoped = this.#memory?.scoped ?? [];
    const hasScoped = scoped.length > 0 || this.#scopedSkills;
    if (below.length === 0 && (!hasScoped || files.size === 0)) return undefined;
    const { home } = this.#source;
    const has = this.#memory?.files.map((file) => file.realPath);
    const [memory, catalogue] = await Promise.all([
      loadMemory(below, this.#project, this.#source, this.#excludes(), has),
      loadCatalogue(
        skillFolders(entries, this.#project, home, below),
        this.#project,
        this.#source,
        await this.#plugins.load(),
      ),
    ]);
    const told = toldFiles(entries);
    const rules = [...scoped, ...memory.scoped].filter(({ rule, base }) =>
      isForOneOf(rule.paths, base, files),
    );
    const freshFiles = [...memory.files, ...rules.map(({ rule }) => rule)].filter(
      (file) => file.text !== '' && told.get(file.path) !== hashOf(file.text),
    );
    const freshSkills = [...catalogue.skills.values()].filter(
      (skill) =>
        (skill.paths === undefined
          ? below.some((folder) => isSkillOf(skill, folder))
          : isForOneOf(skill.paths, skill.base, files)) && told.get(skill.path) !== hashOfSkill(skill),
    );
    const bases = new Map(rules.map(({ rule, base }) => [rule, base]));
    this.#newest = { files: freshFiles, touched: [...files], bases };
    if (freshFiles.length + freshSkills.length === 0) return undefined;
    const instructions = describeMemory(freshFiles, home);
    const texts = [
      ...(instructions.length > 0 ? [reminder(precedence, ...instructions)] : []),
      ...skillsText(freshSkills),
      ...problemsText([...memory.problems, ...freshSkills.flatMap((skill) => skill.problems)]),
    ];
    return {
      message: { role: 'user', content: texts.map((text) => ({ type: 'text', text })) },
      contextFiles: [
        ...freshFiles.map((file) => ({ path: file.path, hash: hashOf(file.text) })),
        ...freshSkills.map((skill) => ({ path: skill.path, hash: hashOfSkill(skill) })),
      ],
    };
  }
}

/** One entry of two. */
function together(one: NewEntry | undefined, two: NewEntry | undefined): NewEntry | undefined {
  if (one === undefined || two === undefined) return one ?? two;
  const content = [...blocksOf(one), ...blocksOf(two)];
  const contextFiles = [...(one.contextFiles ?? []), ...(two.contextFiles ?? [])];
  return { message: { role: 'user', content }, contextFiles };
}

function skillsText(skills: readonly Skill[]): string[] {
  const list = listSkills(skills);
  if (list.length === 0) return [];
  return [reminder('Skills of this workspace, which the tool Skill starts:', list.join('\n'))];
}

function agentsText(agents: readonly AgentDefinition[]): string[] {
  return [reminder('Subagents, which the tool Agent calls:', listAgents(agents).join('\n'))];
}

function problemsText(problems: readonly string[]): string[] {
  return problems.length === 0 ? [] : [reminder(describeProblems(problems))];
}

function isSkillOf(skill: Skill, folder: string): boolean {
  return ['skills', 'commands'].some((kind) => isInside(skill.path, posix.join(folder, '.claude', kind)));
}

function hashOfSkill(skill: Skill): string {
  return hashOf(`${skill.name}\n${skill.description}`);
}
