import type { IncomingMessage, ServerResponse } from 'node:http';
import { mcpRelayPath } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { Clock } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { parseRequestPath, type Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import { Refusal } from '../http/refusal.ts';
import { passAnswer } from '../model-proxy/answer.ts';
import type { BodyMemory } from '../model-proxy/body.ts';
import { relayed } from '../relay/relayed.ts';
import type { SecretHeaders } from '../relay/secret-headers.ts';
import { goingOut, type WayOut } from '../relay/way-out.ts';
import { askServer } from './ask-server.ts';

type Server = NonNullable<AgentWorkspace['spec']['mcpServers']>[number];

/** Bytes of a message to a server; milliseconds for which its answer may be silent: event streams are, for long. */
const longestBody = 8 * 1024 * 1024;
const idle = 3_900_000;

/** A line of the audit. */
export interface McpRelayRecord {
  action: 'mcp';
  /** `NAMESPACE/NAME`. */
  workspace: string;
  server: string;
  outcome: string;
  status: number;
  milliseconds: number;
}

export interface McpRelayOptions extends WayOut {
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'fetch'>;
  secrets: Pick<SecretHeaders, 'read'>;
  memory: BodyMemory;
  clock: Clock;
  log: Logger;
  audit: (record: McpRelayRecord) => void;
}

/** Asks MCP servers for workspaces, with headers from Secrets that no workspace sees; where its class lets it go, and nowhere else. */
export class McpRelay {
  readonly #options: McpRelayOptions;

  constructor(options: McpRelayOptions) {
    this.#options = options;
  }

  handles(url: string | undefined): boolean {
    return url?.startsWith(mcpRelayPath) === true;
  }

  /** Answers a request, whatever comes of it. */
  async serve(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { clock, log, audit } = this.#options;
    const since = clock.monotonic();
    const seen: { workspace?: WorkspaceIdentity; server?: string } = {};
    const outcome = await relayed(() => this.#relay(request, response, signal, seen), response, signal, log);
    const { workspace, server } = seen;
    if (workspace === undefined || server === undefined) return;
    audit({
      action: 'mcp',
      workspace: `${workspace.namespace}/${workspace.name}`,
      ...{ server, outcome },
      status: response.statusCode,
      milliseconds: Math.round(clock.monotonic() - since),
    });
  }

  async #relay(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
    seen: { workspace?: WorkspaceIdentity; server?: string },
  ): Promise<void> {
    const { authenticator, workspaces, gate, dialer, secrets, memory, clock } = this.#options;
    if (request.headers.origin !== undefined)
      throw new Refusal('forbidden', 'No page of a browser has anything to ask here.');
    const name = serverOf(request);
    const workspace = await authenticator.identify(bearerToken(request.rawHeaders, false));
    seen.workspace = workspace;
    const object = await workspaces.fetch(workspace);
    const server: Server | undefined = object.spec.mcpServers?.find((each) => each.name === name);
    if (server?.url === undefined || server.headersFrom === undefined)
      throw new Refusal(
        'not_found',
        `AgentWorkspace ${workspace.name} has no MCP server ${name} with headersFrom in spec.mcpServers.`,
      );
    seen.server = name;
    const { headersFrom, url: address, headers: plain = [] } = server;
    const url = new URL(address);
    await goingOut({ gate, dialer }, object, url, signal, async (connect) => {
      const headers = await secrets.read(workspace.namespace, url, headersFrom);
      for (const { name: header, value } of plain) headers.push([header, value]);
      const { body, release } = await memory.read(request, longestBody, signal);
      try {
        const socket = await connect();
        const answer = await askServer({ url, socket, request, headers, body, signal });
        await passAnswer(answer, response, { signal, clock, idle }, undefined);
      } finally {
        release();
      }
    });
  }
}

/** @throws Refusal */
function serverOf({ method = '', url }: IncomingMessage): string {
  const { segments } = parseRequestPath(url);
  const [, , name = '', ...rest] = segments;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name) || rest.length > 0)
    throw new Refusal('not_found', `Workspaces can ask for ${mcpRelayPath}NAME here.`);
  if (!['POST', 'GET', 'DELETE'].includes(method))
    throw new Refusal('method_not_allowed', 'This path takes POST, GET and DELETE.', {
      allow: 'POST, GET, DELETE',
    });
  return name;
}
