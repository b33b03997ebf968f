import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { McpServer, McpServerState } from '../../protocol/mcp.ts';
import { splitArguments } from '../context/skills/arguments.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { sourceOf } from '../context/source.ts';
import type { Bearer } from '../model/model-client.ts';
import { decide, type PermissionScope } from '../permissions/decide.ts';
import type { Plugins } from '../plugins/plugins.ts';
import { OneAfterAnother } from '../storage/one-after-another.ts';
import { atMost } from '../tools/at-most.ts';
import type { AnyTool } from '../tools/registry.ts';
import { failed, succeeded, type ToolOutcome } from '../tools/tool.ts';
import { ToolRefused, type ToolsClient, ToolsUnavailable } from '../tools/tools-client.ts';
import { isAllowedServer } from './allowed.ts';
import type { McpApprovals } from './approvals.ts';
import { connectTool, type Waiting, waitingOf } from './connect-tool.ts';
import { McpConnection, type Offer } from './connection.ts';
import { type Declared, digestOf } from './declared.ts';
import { readServerFiles } from './files.ts';
import { mentionsOf, readMentions } from './mentions.ts';
import { promptName } from './names.ts';
import { noteOf } from './note.ts';
import { textOfBlocks } from './result-text.ts';
import type { McpSignIns } from './sign-ins.ts';
import { type Division, divide, toolSearch } from './tool-search.ts';
import { isAlwaysLoaded, resourceTools, serverTool } from './tools.ts';
import { gatewayFetch } from './workspace-fetch.ts';

/** Milliseconds that a turn waits for servers at its beginning. They go on connecting, and the next request has them. */
const patienceMs = 10_000;

export interface McpParts {
  tools: ToolsClient;
  plugins: Pick<Plugins, 'load'>;
  approvals: McpApprovals;
  signIns: McpSignIns;
  /** The home, which is the project. */
  home: string;
  readable: readonly string[];
  config: () => RuntimeConfig;
  /** What the gateway knows this workspace by. */
  gatewayToken: Bearer;
  log: Logger;
}

/**
 * The MCP servers of a workspace. They are looked at when a message begins, and connected then: a workspace that wakes starts none,
 * and one that sleeps ends them with its other processes. Nothing here keeps it awake.
 */
export class McpServers {
  readonly #parts: McpParts;
  readonly #connections = new Map<string, McpConnection>();
  #waiting: Waiting[] = [];
  /** A file names a server about which a person is to be asked, or was. */
  #asks = false;
  #problems: string[] = [];
  /** What files named when they were last read. */
  #files: Declared[] = [];
  #division: { offers: readonly Offer[]; division: Division } | undefined;
  readonly #preparations = new OneAfterAnother();

  constructor(parts: McpParts) {
    this.#parts = parts;
  }

  /** Reads what is declared, and connects to what may be. Never rejects but with the signal's reason. */
  async prepare(signal: AbortSignal): Promise<void> {
    await this.#preparations.run(() => this.#bringAbout(signal));
    const opening = Promise.all([...this.#connections.values()].map((each) => each.open()));
    await atMost(opening, patienceMs, signal);
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
      problems: this.#problems,
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

  /** The connection to a server of this name that may be used; undefined where there is none. */
  async find(name: string, signal: AbortSignal): Promise<McpConnection | undefined> {
    await this.prepare(signal);
    return this.#connections.get(name);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#connections.values()].map((each) => each.close()));
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
      ...(this.#asks
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

  async #bringAbout(signal: AbortSignal): Promise<void> {
    const { config, home, approvals, log } = this.#parts;
    const { mcp } = config();
    const problems: string[] = [];
    const files = await this.#read(signal).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
      log.warn({ err: error }, 'the files that name MCP servers cannot be read');
      return {
        // As they were: an outage of the tools ends no server.
        servers: this.#files,
        problems: [`The files that name MCP servers could not be read: ${error.message}.`],
      };
    });
    this.#files = files.servers;
    problems.push(...files.problems);
    const wanted = new Map<string, Declared>();
    const declared: Declared[] = [...(mcp?.servers ?? []).map((server) => ({ server })), ...files.servers];
    for (const each of declared) if (!wanted.has(each.server.name)) wanted.set(each.server.name, each);
    const waiting: Waiting[] = [];
    let asks = false;
    for (const [name, each] of wanted) {
      if (!hasVariables(each) && !isAllowedServer(each.server, mcp?.allowed)) {
        problems.push(`The class of this workspace does not allow the MCP server ${name}.`);
        wanted.delete(name);
      } else if (each.file !== undefined && !this.#mayConnect(each)) {
        asks = true;
        if (approvals.has(digestOf(each.server))) continue;
        waiting.push(waitingOf(each));
        wanted.delete(name);
      }
    }
    this.#waiting = waiting;
    this.#asks = asks;
    this.#problems = problems;
    for (const [name, connection] of this.#connections) {
      const still = wanted.get(name);
      if (still !== undefined && digestOf(still.server) === digestOf(connection.server)) continue;
      this.#connections.delete(name);
      connection.close().catch((error: unknown) => log.warn({ err: error }, 'MCP server'));
    }
    const allowed = (server: McpServer) => isAllowedServer(server, config().mcp?.allowed);
    for (const [name, { server }] of wanted) {
      if (this.#connections.has(name)) continue;
      const { config, gatewayToken } = this.#parts;
      const gatewayFor = (server: string) => gatewayFetch(server, () => config().model.baseUrl, gatewayToken);
      const parts = { ...this.#parts, project: home, allowed, gatewayFetch: gatewayFor };
      this.#connections.set(name, new McpConnection(server, parts));
    }
  }

  async #read(signal: AbortSignal) {
    const { tools, config, home, plugins } = this.#parts;
    const source = sourceOf(tools, config().permissions, this.#scope(), signal);
    return readServerFiles(home, source, await plugins.load(signal));
  }

  /** Whether the rules and the mode let a server of a file in without anybody being asked. */
  #mayConnect({ server }: Declared): boolean {
    const access = { kind: 'connect', tool: 'ConnectMcpServer', server: server.name } as const;
    return decide(access, this.#parts.config().permissions, this.#scope()).verdict === 'allow';
  }

  #scope(): PermissionScope {
    const { home, readable } = this.#parts;
    return { cwd: home, home, readable };
  }

  /** A person has let it in, or a rule does: from now on this workspace starts it without being asked, until its file says otherwise. */
  async #letIn(name: string, digest: string): Promise<ToolOutcome> {
    const signal = new AbortController().signal;
    const found = await this.#read(signal);
    const now = found.servers.find(({ server }) => server.name === name);
    if (now === undefined || digestOf(now.server) !== digest)
      return failed(
        `The file that names ${name} has changed since it was asked about. Ask again with its new digest.`,
      );
    if (!this.#mayConnect(now)) await this.#parts.approvals.add(name, digest);
    await this.prepare(signal);
    const connection = this.#connections.get(name);
    if (connection?.state.kind !== 'connected') {
      const why = connection?.state.kind === 'failed' ? `: ${connection.state.why}` : ' yet';
      return failed(`${name} was let in and is not connected${why}`);
    }
    const names = connection.offer.tools.map((tool) => serverTool(connection, tool).name);
    return succeeded(`${name} is connected. Its tools: ${names.slice(0, 100).join(', ') || 'none'}.`);
  }
}

/** Only when they are put in can it be told what it is; the connection asks again. */
function hasVariables({ server }: Declared): boolean {
  return [server.command, ...server.args, server.url].some((text) => text?.includes('${'));
}
