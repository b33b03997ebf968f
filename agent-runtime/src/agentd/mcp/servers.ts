import type { McpServer, McpServerState } from '../../protocol/mcp.ts';
import { splitArguments } from '../context/skills/arguments.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { sourceOf } from '../context/source.ts';
import type { Plugins } from '../plugins/plugins.ts';
import { atMost } from '../tools/at-most.ts';
import type { AnyTool } from '../tools/registry.ts';
import { failed, type ToolOutcome } from '../tools/tool.ts';
import { connectTool, type Waiting } from './connect-tool.ts';
import type { McpConnection, Offer } from './connection.ts';
import { readServerFiles } from './files.ts';
import { wantsInput } from './input-required.ts';
import { mentionsOf, readMentions } from './mentions.ts';
import { promptName, toolName } from './names.ts';
import { noteOf } from './note.ts';
import { type OwnServers, ownDeclarations } from './own-servers.ts';
import { textOfBlocks, textOfResult } from './result-text.ts';
import { patienceMs, type ServerParts, ServerSet } from './server-set.ts';
import { type Division, divide, toolSearch } from './tool-search.ts';
import { isAlwaysLoaded, resourceTools, serverTool } from './tools.ts';

/** Milliseconds that a call with a person's answer waits for its server. */
const reachMs = 60_000;

export interface McpParts extends ServerParts {
  plugins: Pick<Plugins, 'load'>;
}

/**
 * The MCP servers of a workspace. They are looked at when a message begins, and connected then: a workspace that wakes starts none,
 * and one that sleeps ends them with its other processes. Nothing here keeps it awake.
 */
export class McpServers {
  readonly #parts: McpParts;
  /** Where two have a server of one name, that of the first. */
  readonly #sets: readonly ServerSet[];
  #division: { offers: readonly Offer[]; division: Division } | undefined;

  constructor(parts: McpParts, sets: readonly ServerSet[] = [setOfWorkspace(parts)]) {
    this.#parts = parts;
    this.#sets = sets;
  }

  /** As a subagent has them: with the servers of its file, which are nobody else's. `end` ends these when it has done its work. */
  forSubagent(own: OwnServers): { servers: McpServers; end: () => Promise<void> } {
    const knows = (name: string) =>
      this.#connections.has(name) || this.#waiting.some(({ declared: { server } }) => server.name === name);
    const set = new ServerSet(this.#parts, ownDeclarations(own, knows));
    return { servers: new McpServers(this.#parts, [...this.#sets, set]), end: () => set.close() };
  }

  /** Reads what is declared, and connects to what may be. Never rejects but with the signal's reason. */
  async prepare(signal: AbortSignal): Promise<void> {
    for (const set of this.#sets) await set.lookUp(signal);
    const opening = Promise.all([...this.#connections.values()].map((each) => each.open()));
    await atMost(opening, patienceMs, signal);
  }

  /** Has the server of this tool connected, though it may just have failed: for a call that a person has waited with. */
  async reach(tool: string, signal: AbortSignal): Promise<void> {
    const its = [...this.#connections.values()].filter(({ server }) =>
      tool.startsWith(toolName(server.name, '')),
    );
    await atMost(Promise.all(its.map((each) => each.open(true))), reachMs, signal);
  }

  /** The tools besides those that every workspace has; all of them, whether or not they were looked for. */
  tools(): AnyTool[] {
    const { shown, deferred } = this.#divided();
    return [...shown, ...deferred, ...this.#own(deferred)];
  }

  /** Those that a request names, where a session has looked for `loaded`: earlier ones first, so that the prompt cache holds. */
  declared(loaded: readonly string[]): AnyTool[] {
    const { shown, deferred } = this.#divided();
    const found = [...new Set(loaded)].flatMap((name) => deferred.find((tool) => tool.name === name) ?? []);
    return [...this.#own(deferred), ...shown, ...found];
  }

  /** What the model is told of them; see `noteOf`. */
  note(): string | undefined {
    return noteOf({
      connections: [...this.#connections.values()],
      waiting: this.#waiting,
      deferred: this.#divided().deferred,
      problems: this.#sets.flatMap((set) => set.problems),
    });
  }

  /**
   * The text of a prompt that a message calls by `/mcp__SERVER__PROMPT`. Undefined where the name is of another kind. Throws
   * `SkillFailure` with what the sender is told.
   */
  async prompt(name: string, args: string, signal: AbortSignal): Promise<string | undefined> {
    if (!name.startsWith('mcp__')) return undefined;
    await this.prepare(signal);
    const prompts = [...this.#connections.values()].flatMap((connection) =>
      connection.offer.prompts.map((prompt) => ({
        ...{ connection, prompt },
        name: promptName(connection.server.name, prompt.name),
      })),
    );
    const found = prompts.find((each) => each.name === name);
    if (found === undefined) {
      const names = prompts.map((each) => `/${each.name}`).slice(0, 50);
      const there = names.length === 0 ? 'none' : names.join(', ');
      throw new SkillFailure('UnknownCommand', `There is no prompt /${name}. There are: ${there}.`);
    }
    const words = splitArguments(args);
    const named = found.prompt.arguments ?? [];
    const missing = named.filter(({ required }, index) => required === true && words[index] === undefined);
    if (missing.length > 0) {
      const list = missing.map((each) => each.name).join(', ');
      throw new SkillFailure(
        'CommandFailed',
        `/${name} takes ${list}: write it behind the name, in quotes where it has spaces.`,
      );
    }
    const last = named.length - 1;
    const values = named.flatMap(({ name: argument }, index): [string, string][] => {
      // What is too much belongs to the last one.
      const value = index === last ? words.slice(index).join(' ') : words[index];
      return value === undefined || value === '' ? [] : [[argument, value]];
    });
    try {
      const { messages } = await found.connection.prompt(
        found.prompt.name,
        Object.fromEntries(values),
        signal,
      );
      return messages
        .map(({ role, content }) => (role === 'user' ? '' : 'Assistant: ') + textOfBlocks([content]))
        .join('\n\n');
    } catch (error) {
      signal.throwIfAborted();
      throw new SkillFailure('CommandFailed', `/${name} did not run: ${(error as Error).message}`);
    }
  }

  /** What a message names as `@SERVER:URI`, for the model. Rejects with the signal's reason alone. */
  async mentioned(text: string, signal: AbortSignal): Promise<string[]> {
    const mentions = mentionsOf(text);
    if (mentions.length === 0) return [];
    await this.prepare(signal);
    return readMentions(mentions, this.#connections, signal);
  }

  /** What there is, as of now: servers are looked at first. */
  async list(signal: AbortSignal): Promise<McpServerState[]> {
    await this.prepare(signal);
    const about = ({ name, url, command, args }: McpServer) => ({
      name,
      address: url ?? [command, ...args].join(' '),
    });
    const states = [...this.#connections.values()].map(({ server, state, offer, demanded }) => ({
      ...about(server),
      ...{ tools: offer.tools.length, state: state.kind, signedIn: this.#parts.signIns.has(server) },
      ...(demanded !== undefined && { wantedScopes: [...demanded.scopes], why: demanded.why }),
      ...(state.kind === 'failed' && { why: state.why }),
    }));
    const waiting = this.#waiting.map(({ declared: { server } }) => ({
      ...about(server),
      ...{ tools: 0, state: 'waiting' as const, signedIn: false },
    }));
    return [...states, ...waiting];
  }

  /** Calls a tool for a hook. A server that is not connected is not waited for: the call rejects. */
  async callForHook(
    server: string,
    tool: string,
    input: Record<string, unknown>,
    signal: AbortSignal,
  ): Promise<{ text: string; isError: boolean }> {
    const connection = this.#connections.get(server);
    if (connection === undefined) throw new Error(this.#missing(server));
    if (connection.state.kind !== 'connected') throw new Error(`the MCP server ${server} is not connected`);
    if (!connection.offer.tools.some(({ name }) => name === tool))
      throw new Error(`the MCP server ${server} has no tool ${tool}`);
    const result = await connection.call(tool, input, { signal, progress: () => undefined });
    if (wantsInput(result)) throw new Error(`the tool ${tool} wants input, and a hook asks nobody`);
    return { text: textOfResult(result), isError: result.isError === true };
  }

  /** The connection to a server of this name that may be used; undefined where there is none. */
  async find(name: string, signal: AbortSignal): Promise<McpConnection | undefined> {
    await this.prepare(signal);
    return this.#connections.get(name);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sets.map((set) => set.close()));
  }

  /** Made anew only when a server offers something else: it is asked for with each call of a tool. */
  #divided(): Division {
    const offers = [...this.#connections.values()].map(({ offer }) => offer);
    const known = this.#division;
    if (known?.offers.length === offers.length && offers.every((each, at) => each === known.offers[at]))
      return known.division;
    const division = this.#divide();
    this.#division = { offers, division };
    return division;
  }

  #divide(): Division {
    const always = new Set<string>();
    const tools = new Map<string, AnyTool>();
    for (const connection of this.#connections.values()) {
      for (const offered of connection.offer.tools) {
        const tool = serverTool(connection, offered);
        // Of two that are called alike the first is the one.
        if (!tools.has(tool.name)) tools.set(tool.name, tool);
        if (connection.server.alwaysLoad || isAlwaysLoaded(offered)) always.add(tool.name);
      }
    }
    return divide([...tools.values()], always);
  }

  /** The tools for servers as such, where there is something for them to do. */
  #own(deferred: readonly AnyTool[]): AnyTool[] {
    const connections = [...this.#connections.values()];
    const resources = connections.some(({ offer }) => offer.resources.length + offer.templates.length > 0);
    return [
      ...(this.#sets.some((set) => set.asks)
        ? [
            connectTool(
              () => this.#waiting,
              (...call) => this.#letIn(...call),
            ),
          ]
        : []),
      ...(resources
        ? resourceTools(
            () => connections,
            (name) => this.#connections.get(name) ?? this.#missing(name),
          )
        : []),
      ...(deferred.length > 0 ? [toolSearch(() => this.#divided().deferred)] : []),
    ];
  }

  #missing(name: string): string {
    const names = [...this.#connections.keys()].join(', ') || 'none';
    return `There is no MCP server ${name}. There are: ${names}.`;
  }

  get #connections(): ReadonlyMap<string, McpConnection> {
    const [only] = this.#sets;
    if (this.#sets.length === 1 && only !== undefined) return only.connections;
    const all = new Map<string, McpConnection>();
    for (const set of this.#sets)
      for (const [name, connection] of set.connections) if (!all.has(name)) all.set(name, connection);
    return all;
  }

  get #waiting(): readonly Waiting[] {
    return this.#sets.flatMap((set) => set.waiting);
  }

  async #letIn(name: string, digest: string): Promise<ToolOutcome> {
    const set = this.#sets.find(({ waiting }) =>
      waiting.some((each) => each.declared.server.name === name && each.digest === digest),
    );
    return set?.letIn(name, digest) ?? failed(`${name} does not wait to be let in any more.`);
  }
}

function setOfWorkspace({ plugins, ...parts }: McpParts): ServerSet {
  const { tools, config, home, readable } = parts;
  return new ServerSet(parts, {
    spec: () => config().mcp?.servers ?? [],
    async files(signal) {
      const source = sourceOf(tools, config().permissions, { cwd: home, home, readable }, signal);
      return readServerFiles(home, source, await plugins.load(signal));
    },
  });
}
