import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { McpServer } from '../../protocol/mcp.ts';
import type { Bearer } from '../model/model-client.ts';
import { decide, type PermissionScope } from '../permissions/decide.ts';
import { OneAfterAnother } from '../storage/one-after-another.ts';
import { atMost } from '../tools/at-most.ts';
import { failed, succeeded, type ToolOutcome } from '../tools/tool.ts';
import { ToolRefused, type ToolsClient, ToolsUnavailable } from '../tools/tools-client.ts';
import { isAllowedServer } from './allowed.ts';
import type { McpApprovals } from './approvals.ts';
import { type Waiting, waitingOf } from './connect-tool.ts';
import { McpConnection } from './connection.ts';
import { type Declared, digestOf } from './declared.ts';
import type { McpSignIns } from './sign-ins.ts';
import { serverTool } from './tools.ts';
import { gatewayFetch } from './workspace-fetch.ts';

/** Milliseconds that a turn waits for servers at its beginning. They go on connecting, and the next request has them. */
export const patienceMs = 10_000;

export interface ServerParts {
  tools: ToolsClient;
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

/** Where the servers of a set are declared. */
export interface Declarations {
  /** Those that count at once; before the others of the same name. */
  spec(): readonly McpServer[];
  /** Those that files name. */
  files(signal: AbortSignal): Promise<{ servers: Declared[]; problems: string[] }>;
}

/** Servers that are declared in one place, with the connections to those that may be used. */
export class ServerSet {
  readonly #parts: ServerParts;
  readonly #declarations: Declarations;
  readonly #connections = new Map<string, McpConnection>();
  #waiting: Waiting[] = [];
  /** A file names a server about which a person is to be asked, or was. */
  #asks = false;
  #problems: string[] = [];
  /** What files named when they were last read. */
  #files: Declared[] = [];
  readonly #preparations = new OneAfterAnother();

  constructor(parts: ServerParts, declarations: Declarations) {
    this.#parts = parts;
    this.#declarations = declarations;
  }

  get connections(): ReadonlyMap<string, McpConnection> {
    return this.#connections;
  }

  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  get asks(): boolean {
    return this.#asks;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Looks at what is declared, and has a connection for each that may be used. Never rejects but with the signal's reason. */
  async lookUp(signal: AbortSignal): Promise<void> {
    await this.#preparations.run(() => this.#bringAbout(signal));
  }

  /** Ends its connections; where it is looked up again, they are made anew. */
  async close(): Promise<void> {
    await this.#preparations.run(async () => {
      const connections = [...this.#connections.values()];
      this.#connections.clear();
      await Promise.allSettled(connections.map((each) => each.close()));
    });
  }

  async #bringAbout(signal: AbortSignal): Promise<void> {
    const { config, home, approvals, log } = this.#parts;
    const { mcp } = config();
    const problems: string[] = [];
    const files = await this.#declarations.files(signal).catch((error: unknown) => {
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
    const declared: Declared[] = [
      ...this.#declarations.spec().map((server) => ({ server })),
      ...files.servers,
    ];
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
  async letIn(name: string, digest: string): Promise<ToolOutcome> {
    const signal = new AbortController().signal;
    const found = await this.#declarations.files(signal);
    const now = found.servers.find(({ server }) => server.name === name);
    if (now === undefined || digestOf(now.server) !== digest)
      return failed(
        `The file that names ${name} has changed since it was asked about. Ask again with its new digest.`,
      );
    if (!this.#mayConnect(now)) await this.#parts.approvals.add(name, digest);
    await this.lookUp(signal);
    const connection = this.#connections.get(name);
    if (connection !== undefined) await atMost(connection.open(), patienceMs, signal);
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
