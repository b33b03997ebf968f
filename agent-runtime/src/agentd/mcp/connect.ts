import type { Client, ClientOptions, OAuthClientProvider, Transport } from '@modelcontextprotocol/client';
import type { McpServer } from '../../protocol/mcp.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { runtimeVersion } from '../version.ts';
import type { Elicitation, Elicited } from './elicit.ts';
import { expandServer } from './expand.ts';
import { headersOf } from './headers.ts';
import { rootsOf } from './input-required.ts';
import type { sample } from './sample.ts';
import { WorkspaceStdioTransport } from './stdio-transport.ts';
import { workspaceFetch } from './workspace-fetch.ts';

/** Milliseconds in which a server must be connected, and in which it must say which revision it speaks. */
const limits = { connect: 30_000, probe: 5_000 };

export interface ConnectOptions {
  tools: ToolsClient;
  /** The folder that is the project. */
  project: string;
  signal: AbortSignal;
  /** Whether its class allows the server, with its variables put in: before, they could hide what it is. */
  allowed: (server: McpServer) => boolean;
  /** Asks a person what the server wants to know. */
  elicit: (question: Elicitation) => Promise<Elicited>;
  /** Of whoever signed in, or is about to. */
  signedIn?: OAuthClientProvider | undefined;
  /** Asks the model what the server wants of it. */
  sample: (question: unknown) => ReturnType<typeof sample>;
  /** What asks a server of the spec through the gateway. */
  gatewayFetch: (server: string) => ReturnType<typeof workspaceFetch>;
  /** Lists of the server changed. */
  changed: (error: Error | null) => void;
}

export interface Connected {
  client: Client;
  /** What a program printed on its standard error. */
  printed: () => string;
}

/** Schemas of servers are not compiled: they are anybody's, and the API's own check of them is enough. */
const unchecked: NonNullable<ClientOptions['jsonSchemaValidator']> = {
  getValidator: () => (value: unknown) => ({ valid: true, data: value as never, errorMessage: undefined }),
};

/**
 * Connects to a server from the workspace, with the newest revision of the protocol that it speaks. Throws what keeps it from
 * that: `UnsetVariable`, `ToolRefused`, `ToolsUnavailable`, errors of the SDK.
 */
export async function connectServer(declared: McpServer, options: ConnectOptions): Promise<Connected> {
  const { tools, project, signal } = options;
  // 80 ms that only a workspace with servers spends.
  const sdk = await import('./sdk.ts');
  const { server, variables } = await resolveServer(declared, options);
  let stdio: WorkspaceStdioTransport | undefined;
  const transport = async (): Promise<Transport> => {
    if (server.url === undefined) {
      const request = {
        command: server.command ?? '',
        args: server.args,
        cwd: project,
        env: { CLAUDE_PROJECT_DIR: project, ...server.env },
      };
      stdio = new WorkspaceStdioTransport(tools, request, sdk.deserializeMessage);
      return stdio;
    }
    const url = new URL(server.url);
    const headers = { ...server.headers, ...(await headersOf(server, project, tools, signal)) };
    const secret = server.oauth?.clientSecret ?? variables.MCP_CLIENT_SECRET;
    const shared = {
      fetch: server.byGateway ? options.gatewayFetch(server.name) : workspaceFetch(tools),
      requestInit: { headers },
      ...(options.signedIn !== undefined && { authProvider: options.signedIn }),
      ...(options.signedIn === undefined &&
        server.oauth !== undefined &&
        secret !== undefined && {
          authProvider: new sdk.ClientCredentialsProvider({
            clientId: server.oauth.clientId,
            clientSecret: secret,
            ...(server.oauth.issuer !== undefined && { expectedIssuer: server.oauth.issuer }),
            ...(server.oauth.scopes !== undefined && { scope: server.oauth.scopes }),
          }),
        }),
    };
    if (server.transport === 'sse') return new sdk.SSEClientTransport(url, shared);
    return new sdk.StreamableHTTPClientTransport(url, { ...shared, onInsufficientScope: 'throw' });
  };
  const make = () =>
    new sdk.Client(
      { name: 'dormouse', version: runtimeVersion },
      {
        capabilities: { roots: {}, elicitation: { form: {}, url: {} }, sampling: {} },
        jsonSchemaValidator: unchecked,
        versionNegotiation: { mode: 'auto', probe: { timeoutMs: limits.probe } },
        listChanged: Object.fromEntries(
          (['tools', 'prompts', 'resources'] as const).map((kind) => [
            kind,
            { autoRefresh: false, onChanged: (error: Error | null) => options.changed(error) },
          ]),
        ),
      },
    );
  const attempt = async (legacy: boolean): Promise<Client> => {
    const client = make();
    client.setRequestHandler('roots/list', () => rootsOf(project));
    client.setRequestHandler('elicitation/create', ({ params }) => options.elicit(params));
    client.setRequestHandler('sampling/createMessage', ({ params }) => options.sample(params));
    await client.connect(await transport(), {
      signal,
      timeout: limits.connect,
      ...(legacy && { prior: { kind: 'legacy' as const } }),
    });
    return client;
  };
  try {
    return { client: await attempt(server.transport === 'sse'), printed: () => stdio?.printed ?? '' };
  } catch (error) {
    // Some programs end when they are asked anything before initialize.
    if (stdio === undefined || signal.aborted || isWorkspaces(error)) throw described(error, stdio);
    return {
      client: await attempt(true).catch((again) => Promise.reject(described(again, stdio))),
      printed: () => stdio?.printed ?? '',
    };
  }
}

/** The server with its variables put in, which its class allows. Throws where there is none. */
export async function resolveServer(
  declared: McpServer,
  { tools, project, signal, allowed }: Pick<ConnectOptions, 'tools' | 'project' | 'signal' | 'allowed'>,
): Promise<{ server: McpServer; variables: Record<string, string> }> {
  const variables = await tools.environment(signal);
  const server = expandServer(declared, { ...variables, CLAUDE_PROJECT_DIR: project });
  if (!allowed(server)) throw new Error('the class of this workspace does not allow it');
  return { server, variables };
}

/** Whether it is the workspace that cannot, and not the server that does not. */
function isWorkspaces(error: unknown): boolean {
  return error instanceof Error && ['ToolRefused', 'ToolsUnavailable'].includes(error.name);
}

/** With what the program printed last: that says more than that it has ended. */
function described(error: unknown, stdio: WorkspaceStdioTransport | undefined): unknown {
  const printed = stdio?.printed.trim() ?? '';
  if (printed === '' || !(error instanceof Error)) return error;
  return new Error(`${error.message}. It printed: ${printed.slice(-1_000)}`, { cause: error });
}
