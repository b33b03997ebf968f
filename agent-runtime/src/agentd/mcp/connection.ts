import type {
  CallToolResult,
  Client,
  GetPromptResult,
  InputRequiredResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  Tool,
} from '@modelcontextprotocol/client';
import type { Logger } from 'pino';
import type { McpServer } from '../../protocol/mcp.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { CallClock } from './call-clock.ts';
import { type Connected, type ConnectOptions, connectServer } from './connect.ts';
import { type DuringCall, offTheClock } from './during-call.ts';
import { elicit } from './elicit.ts';
import { isForgotten, NotConnected, whyNot } from './failures.ts';
import type { Resumed } from './input-required.ts';
import { sample } from './sample.ts';
import { ServerSignIn } from './server-sign-in.ts';
import type { McpSignIns } from './sign-ins.ts';

/** What a server may offer at most; what is beyond is left out. */
const most = { tools: 256, prompts: 256, resources: 1_000, templates: 256 };
/** Milliseconds: for a list, for a call without progress, and for a call in all. */
const limits = { list: 30_000, call: 600_000, callInAll: 3_600_000 };
/** As long as a timer can run. */
const longest = 2 ** 31 - 1;
/** Milliseconds after which a server that failed is tried again: doubled each time. */
const pauses = { first: 1_000, longest: 300_000 };

/** What a server has, as it last said. */
export interface Offer {
  instructions: string | undefined;
  tools: readonly Tool[];
  prompts: readonly Prompt[];
  resources: readonly Resource[];
  /** Patterns of URIs that can be read besides. */
  templates: readonly ResourceTemplateType[];
}

export type ConnectionState = { kind: 'idle' | 'connecting' | 'connected' } | { kind: 'failed'; why: string };

const nothing: Offer = { instructions: undefined, tools: [], prompts: [], resources: [], templates: [] };

/** The connection to one server: made when it is first wanted, and again after it was lost or the workspace slept. */
export class McpConnection {
  readonly server: McpServer;
  readonly #tools: ToolsClient;
  readonly #project: string;
  readonly #allowed: (server: McpServer) => boolean;
  readonly #signIns: McpSignIns;
  readonly #signIn: ServerSignIn;
  readonly #gatewayFetch: ConnectOptions['gatewayFetch'];
  readonly #log: Logger;
  readonly #now: () => number;
  #state: ConnectionState = { kind: 'idle' };
  #offer: Offer = nothing;
  #connected: Connected | undefined;
  #connecting: Promise<void> | undefined;
  #refreshing: Promise<void> | undefined;
  #failures = 0;
  /** The calls under way, with what each may have besides. */
  readonly #underWay = new Set<DuringCall>();
  #notBefore = 0;
  readonly #closed = new AbortController();

  constructor(
    server: McpServer,
    parts: {
      tools: ToolsClient;
      project: string;
      allowed: (server: McpServer) => boolean;
      signIns: McpSignIns;
      gatewayFetch: ConnectOptions['gatewayFetch'];
      log: Logger;
      now?: () => number;
    },
  ) {
    this.server = server;
    this.#tools = parts.tools;
    this.#project = parts.project;
    this.#allowed = parts.allowed;
    this.#signIns = parts.signIns;
    this.#signIn = new ServerSignIn(server, parts.signIns, () => this.#options());
    this.#gatewayFetch = parts.gatewayFetch;
    this.#log = parts.log.child({ mcpServer: server.name });
    this.#now = parts.now ?? (() => performance.now());
  }

  /** The folder that is the project. */
  get project(): string {
    return this.#project;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** As of the last connection: what a server had stays before the model while it is away, and its next use brings it back. */
  get offer(): Offer {
    return this.#offer;
  }

  /** Connects where there is no connection and its last failure is long enough ago. Never rejects: `state` says what came of it. */
  async open(force = false): Promise<void> {
    if (this.#closed.signal.aborted) return;
    if (this.#state.kind === 'connected') return this.#refreshing;
    if (this.#connecting === undefined && !force && this.#now() < this.#notBefore) return;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    await this.#connecting;
  }

  /**
   * Calls a tool by the server's own name of it, or goes on with a call for which it wanted input. Rejects with the signal's reason when
   * it aborts; the server is told.
   */
  async call(
    tool: string,
    input: Record<string, unknown>,
    {
      signal,
      progress,
      during,
      resumed,
    }: { signal: AbortSignal; progress: () => void; during?: DuringCall; resumed?: Resumed | undefined },
  ): Promise<CallToolResult | InputRequiredResult> {
    const silence = this.server.timeoutMs ?? limits.call;
    const clock = new CallClock({ silence, inAll: Math.max(limits.callInAll, silence) });
    const mine = during && offTheClock(during, clock);
    if (mine !== undefined) this.#underWay.add(mine);
    const options = {
      signal: AbortSignal.any([signal, clock.signal]),
      // The clock says when it is over.
      timeout: longest,
      onprogress: () => {
        clock.touch();
        progress();
      },
    };
    try {
      return await this.#use((client) => {
        const params = { name: tool, arguments: input };
        if (client.getProtocolEra() !== 'modern') return client.callTool(params, options);
        // What it says is looked at as a whole result by nobody, and input that it wants is none.
        const { outputSchema: _, ...definition } = this.#toolNamed(tool);
        const modern = { ...options, allowInputRequired: true, toolDefinition: definition };
        return client.callTool({ ...params, ...resumed }, modern);
      });
    } catch (error) {
      if (clock.signal.aborted && !signal.aborted) throw clock.signal.reason;
      throw error;
    } finally {
      clock.stop();
      if (mine !== undefined) this.#underWay.delete(mine);
    }
  }

  /** As `ServerSignIn` has it. */
  beginSignIn(redirectUrl: string): Promise<{ authorizationUrl: string; state: string } | undefined> {
    return this.#signIn.begin(redirectUrl);
  }

  async completeSignIn(code: string, state: string, issuer?: string): Promise<'done' | 'unknown'> {
    const result = await this.#signIn.complete(code, state, issuer);
    if (result === 'done') await this.#reconnect();
    return result;
  }

  /** False: nobody had signed in. */
  async signOut(): Promise<boolean> {
    if (!(await this.#signIns.forget(this.server))) return false;
    await this.#reconnect();
    return true;
  }

  async #reconnect(): Promise<void> {
    await this.#connecting;
    const connected = this.#connected;
    if (connected !== undefined) this.#lost(connected);
    await connected?.client.close();
    await this.open(true);
  }

  async prompt(name: string, args: Record<string, string>, signal: AbortSignal): Promise<GetPromptResult> {
    return this.#use((client) =>
      client.getPrompt({ name, arguments: args }, { signal, timeout: limits.list }),
    );
  }

  async read(uri: string, signal: AbortSignal): Promise<ReadResourceResult> {
    return this.#use((client) => client.readResource({ uri }, { signal, timeout: limits.call }));
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('the server is not wanted any more'));
    await this.#connecting;
    await this.#connected?.client.close();
  }

  #toolNamed(name: string): Tool {
    return this.#offer.tools.find((tool) => tool.name === name) ?? { name, inputSchema: { type: 'object' } };
  }

  get demanded(): ServerSignIn['demanded'] {
    return this.#signIn.demanded;
  }

  async #use<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    try {
      return await this.#useOrAgain(ask);
    } catch (error) {
      throw await this.#signIn.understood(error);
    }
  }

  /** Once more, on a new connection, where the server refused because it does not know this one any more. */
  async #useOrAgain<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    const connected = await this.#open();
    try {
      return await ask(connected.client);
    } catch (error) {
      if (!isForgotten(error)) throw error;
      this.#lost(connected);
      await connected.client.close();
      return ask((await this.#open()).client);
    }
  }

  /** Connected, or the reason why not. */
  async #open(): Promise<Connected> {
    await this.open(true);
    if (this.#connected !== undefined) return this.#connected;
    throw new NotConnected(
      this.server.name,
      this.#state.kind === 'failed' ? this.#state.why : 'it was closed',
    );
  }

  async #connect(): Promise<void> {
    this.#state = { kind: 'connecting' };
    const since = this.#now();
    try {
      const connected = await connectServer(this.server, this.#options());
      this.#connected = connected;
      connected.client.onclose = () => this.#lost(connected);
      connected.client.onerror = (error) => this.#log.debug({ err: error }, 'MCP server');
      this.#offer = await this.#ask(connected);
      this.#state = { kind: 'connected' };
      this.#failures = 0;
      const revision = connected.client.getNegotiatedProtocolVersion();
      this.#log.info({ revision, ms: Math.round(this.#now() - since) }, 'MCP server connected');
    } catch (error) {
      await this.#connected?.client.close();
      this.#connected = undefined;
      const why = whyNot(await this.#signIn.withDemand(error), this.server);
      this.#notBefore = this.#now() + Math.min(pauses.first * 2 ** this.#failures, pauses.longest);
      this.#failures += 1;
      this.#state = { kind: 'failed', why };
      if (!this.#closed.signal.aborted) this.#log.warn({ err: error }, 'MCP server cannot be connected');
    }
  }

  #options(): ConnectOptions {
    return {
      tools: this.#tools,
      project: this.#project,
      allowed: this.#allowed,
      signedIn: this.#signIns.provider(this.server),
      gatewayFetch: this.#gatewayFetch,
      // The protocol does not say which call it is for; the question says which server.
      elicit: (question) => elicit(this.server.name, question, [...this.#underWay].at(-1)),
      sample: (question) => sample(this.server.name, question, [...this.#underWay].at(-1)),
      signal: this.#closed.signal,
      changed: (error) => {
        if (error !== null) this.#log.warn({ err: error }, 'a list of an MCP server cannot be followed');
        this.#refreshing = this.#refresh();
      },
    };
  }

  /** It ended, or its workspace sleeps: the next use connects anew. */
  #lost(connected: Connected): void {
    if (this.#connected !== connected) return;
    this.#connected = undefined;
    this.#state = { kind: 'idle' };
    this.#log.info({ printed: connected.printed().slice(-500) }, 'MCP server disconnected');
  }

  async #refresh(): Promise<void> {
    const connected = this.#connected;
    if (connected === undefined || this.#state.kind !== 'connected') return;
    try {
      const offer = await this.#ask(connected);
      if (this.#connected === connected) this.#offer = offer;
    } catch (error) {
      this.#log.warn({ err: error }, 'the lists of an MCP server cannot be read again');
    }
  }

  async #ask({ client }: Connected): Promise<Offer> {
    const has = client.getServerCapabilities() ?? {};
    const options = { signal: this.#closed.signal, timeout: limits.list, cacheMode: 'refresh' as const };
    const [tools, prompts, resources, templates] = await Promise.all([
      has.tools === undefined ? [] : client.listTools(undefined, options).then((list) => list.tools),
      has.prompts === undefined ? [] : client.listPrompts(undefined, options).then((list) => list.prompts),
      has.resources === undefined
        ? []
        : client.listResources(undefined, options).then((list) => list.resources),
      // Servers may have resources, and not know this method.
      has.resources === undefined
        ? []
        : client.listResourceTemplates(undefined, options).then(
            (list) => list.resourceTemplates,
            () => [],
          ),
    ]);
    return {
      instructions: client.getInstructions(),
      tools: tools.slice(0, most.tools),
      prompts: prompts.slice(0, most.prompts),
      resources: resources.slice(0, most.resources),
      templates: templates.slice(0, most.templates),
    };
  }
}
