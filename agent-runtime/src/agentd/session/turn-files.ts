import type { AutoMemory } from '../context/memory/auto-memory.ts';
import { excludedBy } from '../context/memory/excludes.ts';
import { SessionContext } from '../context/session-context.ts';
import { sourceOf } from '../context/source.ts';
import type { LoadedSettings } from '../settings/load.ts';
import { mayUse } from '../subagents/narrow.ts';
import { autoMemoryFor } from './auto-memory.ts';
import { settingsOf } from './file-rules.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { projectOf, scopeOf } from './scope.ts';

/**
 * The files around a session as they are in one turn, and the MCP servers that they declare: each is read once, before something could
 * be decided by it.
 */
export class TurnFiles {
  /** Instructions, skills and subagents. */
  readonly context: SessionContext;
  readonly #where: { logs: SessionLogs; host: SessionHost };
  readonly #signal: AbortSignal;
  #settings: Promise<LoadedSettings> | undefined;
  #memory: Promise<AutoMemory | undefined> | undefined;
  #servers: Promise<void> | undefined;

  constructor(session: string, where: { logs: SessionLogs; host: SessionHost }, signal: AbortSignal) {
    this.#where = where;
    this.#signal = signal;
    const { client, config, log, plugins, subagent } = where.host;
    this.context = new SessionContext(
      sourceOf(client, config().permissions, scopeOf(where), signal),
      projectOf(where),
      log.child({ session }),
      { load: () => plugins.load(signal), problems: () => plugins.problems() },
      subagent === undefined || mayUse(subagent)('Agent'),
      () => this.memory(),
      async () => excludedBy((await this.settings()).files, where.host.home),
    );
  }

  /** Begins to read what opens a turn, in one request. Whoever asks for it learns how that ends. */
  begin(): void {
    this.settings().catch(toldLater);
    this.context.opening().catch(toldLater);
    this.memory().catch(toldLater);
    this.servers().catch(toldLater);
  }

  settings(): Promise<LoadedSettings> {
    this.#settings ??= settingsOf(this.#where, this.#signal);
    return this.#settings;
  }

  /** Where the agent keeps notes, in this turn. */
  memory(): Promise<AutoMemory | undefined> {
    this.#memory ??= autoMemoryFor(this.#where, this.settings(), this.#signal);
    return this.#memory;
  }

  /** Resolves when its MCP servers are connected, or have been waited for: those that it begins with are what it goes on with. */
  servers(): Promise<void> {
    this.#servers ??= this.#where.host.mcp.prepare(this.#signal);
    return this.#servers;
  }
}

function toldLater(): void {}
