import type { Logger } from 'pino';
import type { HooksConfig } from '../../protocol/hooks.ts';
import { toolName } from '../mcp/names.ts';
import type { Access } from '../permissions/decide.ts';
import type { PluginHooks } from '../plugins/hooks.ts';
import type { LoadedSettings } from '../settings/load.ts';
import { type Combined, combine } from './combine.ts';
import { type EnvironmentEvent, readEnvironment, setsEnvironment, type Variables } from './environment.ts';
import { type Hook, type HookEvent, hookEvents, matches } from './hook.ts';
import { readHooks } from './read.ts';
import type { HookResult } from './result.ts';
import { type HookSurroundings, runHook } from './run.ts';

/** What the hooks of one turn belong to. */
export interface HookSetting extends Omit<HookSurroundings, 'cwd'> {
  config: HooksConfig;
  settings: LoadedSettings;
  plugins: { hooks: readonly PluginHooks[]; problems: readonly string[] };
  /** What changes in the middle of a turn, as it is now. */
  now(): { cwd: string; permission_mode: string };
  /** What every hook is told besides, by the documented names. */
  told: Readonly<Record<string, unknown>>;
  /** Resolves when the transcript that they may read holds all that was said. */
  ready(): Promise<void>;
  /** Whether a permission rule speaks of a tool call. */
  ruleMatches(rule: string, access: Access): boolean;
  /** Whether a hook that runs once in a session is still to run; it is for one that asks. */
  takeOnce(name: string): boolean;
  /** They have run: resolves when that is on disk. */
  ranOnce(names: readonly string[]): Promise<void>;
  /** The variables of commands, as hooks of an event find them. */
  environment(event: EnvironmentEvent): Variables;
  /** Keeps variables for the commands that follow, in this working directory: resolves when that is on disk. */
  keepEnvironment(event: EnvironmentEvent, variables: Variables, cwd: string): Promise<void>;
  /** Whether the workspace may do this without asking anybody. */
  permits(access: Access): boolean;
  log: Logger;
  signal: AbortSignal;
}

/** Hooks of a frontmatter. */
export interface OwnHooks {
  path: string;
  value: unknown;
  ofSkill: boolean;
}

export interface Said extends Combined {
  /** Those of them that run once in a session, by name. */
  ranOnce: readonly string[];
}

/** The hooks of a session, as its files and its class have them while a turn is under way. */
export class SessionHooks {
  readonly #hooks: readonly Hook[];
  readonly #setting: HookSetting;
  /** Sentences on files that are broken, each with its line. */
  readonly problems: readonly string[];

  private constructor(hooks: readonly Hook[], problems: readonly string[], setting: HookSetting) {
    this.#hooks = hooks;
    this.problems = problems;
    this.#setting = setting;
  }

  static async load(setting: HookSetting): Promise<SessionHooks> {
    const hooks = managedHooks(setting.config);
    const problems: string[] = [];
    if (setting.config.workspace !== 'Off') {
      const found = await fromFiles(setting);
      hooks.push(...found.hooks);
      problems.push(...found.problems);
    }
    if (problems.length > 0) setting.log.warn({ problems }, 'hooks are not as they should be');
    return new SessionHooks(hooks, problems, setting);
  }

  /** These, and some of files of the workspace that have their say for a while. What is broken in them is in the log. */
  async with(files: readonly OwnHooks[]): Promise<SessionHooks> {
    const { config, env, log } = this.#setting;
    if (config.workspace === 'Off') return this;
    const hooks = [...this.#hooks];
    for (const { path, value, ofSkill } of files) {
      const read = await readHooks(value, {
        ...{ path, text: '', at: [], env: { ...env } },
        failClosed: config.onFailure === 'Closed',
        mayAllow: config.mayAllow,
        once: ofSkill,
      });
      hooks.push(...read.hooks.map((hook) => held(hook, this.#setting)));
      if (read.problems.length > 0) log.warn({ problems: read.problems }, 'hooks are not as they should be');
    }
    return new SessionHooks(hooks, this.problems, this.#setting);
  }

  /** Whether an event has hooks at all: what they are told may be much. */
  has(event: HookEvent): boolean {
    return this.#hooks.some((hook) => hook.event === event);
  }

  /**
   * Asks the hooks of an event side by side. `value` is what matchers are held against. Undefined: there is none. Rejects
   * only with the reason of the signal. A `cwd` that they are told besides is where they run. What PreToolUse hooks said is written down by the caller, and with it which of them run once.
   */
  async fire(
    event: HookEvent,
    value: string,
    about: Readonly<Record<string, unknown>>,
    access?: Access,
  ): Promise<Said | undefined> {
    const { log, signal, told, ruleMatches, takeOnce, ranOnce } = this.#setting;
    const hooks = this.#hooks.filter(
      (hook) =>
        hook.event === event &&
        matches(hook.matcher, value) &&
        (hook.condition === undefined || access === undefined || ruleMatches(hook.condition, access)) &&
        (hook.once === undefined || hook.refused !== undefined || takeOnce(hook.once)),
    );
    if (hooks.length === 0) return undefined;
    await this.#setting.ready();
    const now = this.#setting.now();
    const cwd = typeof about.cwd === 'string' ? about.cwd : now.cwd;
    const input = JSON.stringify({ ...told, ...now, hook_event_name: event, ...about });
    const surroundings = { ...this.#setting, cwd };
    for (const hook of hooks.filter((it) => it.async)) this.#detached(hook, input, surroundings);
    const results = await Promise.all(
      distinct(hooks.filter((it) => !it.async)).map(async (hook) => {
        const result = await runHook(hook, input, surroundings, signal);
        const { failed } = result;
        if (failed !== undefined) log.warn({ event, hook: hook.source, reason: failed }, 'a hook failed');
        return { hook, result };
      }),
    );
    const once = hooks.flatMap((hook) => (hook.refused === undefined ? (hook.once ?? []) : []));
    if (event !== 'PreToolUse' && once.length > 0) await ranOnce(once);
    const combined = combine(event, results);
    if (setsEnvironment(event)) combined.messages.push(...(await this.#takeVariables(event, results, cwd)));
    return { ...combined, ranOnce: once };
  }

  /** What hooks have written for commands, in their order, each on top of the ones before. Resolves with what is wrong with it. */
  async #takeVariables(
    event: EnvironmentEvent,
    results: readonly { hook: Hook; result: HookResult }[],
    cwd: string,
  ): Promise<string[]> {
    const { client, environment, keepEnvironment, log, signal } = this.#setting;
    const before = environment(event);
    const problems: string[] = [];
    let set: Variables = {};
    for (const { hook, result } of results) {
      if (result.environmentFile === undefined) continue;
      const env = { ...before, ...set };
      const found = await readEnvironment(result.environmentFile, { client, cwd, env }, signal);
      if (typeof found !== 'string') set = { ...set, ...found };
      else {
        log.warn({ event, hook: hook.source, reason: found }, 'a hook failed');
        problems.push(`A hook of ${hook.source}: ${found}.`);
      }
    }
    await keepEnvironment(event, set, cwd);
    return problems;
  }

  /** The same for events that nothing depends on: nobody waits. */
  notify(event: HookEvent, value: string, about: Readonly<Record<string, unknown>>): void {
    this.fire(event, value, about).catch((error: unknown) => {
      if (!this.#setting.signal.aborted) this.#setting.log.warn({ event, err: error }, 'hooks broke');
    });
  }

  /** It outlives the turn, and ends with the sleep of the workspace. */
  #detached(hook: Hook, input: string, surroundings: HookSurroundings): void {
    const limit = AbortSignal.timeout(hook.timeoutMs);
    runHook(hook, input, surroundings, limit).then(
      ({ failed }) => {
        if (failed !== undefined)
          this.#setting.log.warn({ event: hook.event, hook: hook.source, reason: failed }, 'a hook failed');
      },
      () => this.#setting.log.warn({ event: hook.event, hook: hook.source }, 'a hook ran into its timeout'),
    );
  }
}

/** A hook of a file does what its workspace could do by a tool: where that would be asked for, so must the class. */
function held(hook: Hook, { config, permits }: HookSetting): Hook {
  if (config.workspace === 'Run') return hook;
  const { access, shown } = actOf(hook.action);
  if (access === undefined || permits(access)) return hook;
  return {
    ...hook,
    refused: `no rule permits its ${shown}, and nobody is asked about hooks: allow it in the rules of the workspace's class`,
  };
}

/** What a hook does, as rules speak of it. Undefined: nothing that they would speak of. */
function actOf(action: Hook['action']): { access?: Access; shown: string } {
  if (action.type === 'prompt' || action.type === 'agent') return { shown: action.type };
  if (action.type === 'mcp_tool') {
    const tool = toolName(action.server, action.tool);
    return { access: { kind: 'mcp', tool }, shown: `tool \`${tool}\`` };
  }
  const command = action.type === 'command' ? action.command : `curl ${action.url}`;
  const shown = command.length > 200 ? `${command.slice(0, 199)}…` : command;
  return { access: { kind: 'bash', command }, shown: `command \`${shown}\`` };
}

/** The same command in two files runs once. */
function distinct(hooks: readonly Hook[]): Hook[] {
  const seen = new Map<string, Hook>();
  for (const hook of hooks) {
    const key = JSON.stringify([hook.action, hook.env, hook.managed]);
    const known = seen.get(key);
    // Of two, the stricter one.
    seen.set(key, known === undefined || hook.failClosed ? hook : known);
  }
  return [...seen.values()];
}

async function fromFiles(setting: HookSetting): Promise<{ hooks: Hook[]; problems: string[] }> {
  const { settings, plugins, env, config } = setting;
  const hooks: Hook[] = [];
  const problems = [...settings.problems, ...plugins.problems];
  if (settings.files.some((file) => file.settings.disableAllHooks === true)) return { hooks, problems };
  const ofSettings = settings.files.map(({ path, text, settings: { hooks: value } }) => ({
    ...{ path, text, value, at: ['hooks'], env: {}, pinned: false },
  }));
  for (const { value, pinned, ...file } of [...ofSettings, ...plugins.hooks]) {
    const read = await readHooks(value, {
      ...{ ...file, env: { ...env, ...file.env } },
      failClosed: config.onFailure === 'Closed',
      mayAllow: config.mayAllow,
      once: false,
    });
    problems.push(...read.problems);
    for (const hook of read.hooks) {
      // Whoever declares a pinned plugin vouches for its hooks.
      const ready = pinned ? hook : held(hook, setting);
      hooks.push(ready);
      if (ready.refused !== undefined) problems.push(`${ready.source}: ${ready.event}: ${ready.refused}.`);
    }
  }
  return { hooks, problems };
}

function managedHooks({ managed }: HooksConfig): Hook[] {
  return managed.flatMap(({ event, matcher, url, timeoutSeconds, onFailure }) => {
    const known = hookEvents.find((it) => it === event);
    if (known === undefined) return [];
    return {
      event: known,
      matcher,
      condition: undefined,
      action: { type: 'http', url, headers: {}, allowedEnvVars: [] } as const,
      timeoutMs: timeoutSeconds * 1000,
      failClosed: onFailure === 'Closed',
      async: false,
      mayAllow: true,
      managed: true,
      env: {},
      source: 'the class',
    };
  });
}
