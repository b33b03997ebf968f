import type { IncomingMessage, ServerResponse } from 'node:http';
import { mcpRelayPath, reasonHeader } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { type Clock, ForbiddenError, KubeError } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { parseRequestPath, type Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import { requestDestination } from '../egress/destination.ts';
import type { Dialer } from '../egress/dialer.ts';
import type { Gate } from '../egress/gate.ts';
import { answerRefusal } from '../http/answer.ts';
import { ClientLeft } from '../http/client-left.ts';
import { Refusal, refusalOf } from '../http/refusal.ts';
import { passAnswer } from '../model-proxy/answer.ts';
import type { BodyMemory } from '../model-proxy/body.ts';
import { askServer } from './ask-server.ts';
import type { SecretHeaders } from './secret-headers.ts';

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

export interface McpRelayOptions {
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'fetch'>;
  gate: Pick<Gate, 'admit'>;
  dialer: Pick<Dialer, 'dial'>;
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
    let outcome = 'answered';
    try {
      await this.#relay(request, response, signal, seen);
    } catch (error) {
      if (signal.aborted && signal.reason instanceof ClientLeft) outcome = 'left';
      else {
        const refusal = refusalOfRelay(error);
        if (refusal.code === 'internal') log.error({ err: error }, 'an MCP server could not be asked');
        outcome = refusal.code;
        answerRefusal(response, refusal);
      }
    }
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
    const url = new URL(server.url);
    const to = { ...requestDestination(plain(url)), port: portOf(url) };
    const leave = gate.admit(object, to);
    try {
      const headers = await secrets.read(workspace.namespace, url.origin, server.headersFrom);
      for (const { name: header, value } of server.headers ?? []) headers.push([header, value]);
      const { body, release } = await memory.read(request, longestBody, signal);
      try {
        const socket = await dialer.dial(to, signal);
        const answer = await askServer({ url, socket, request, headers, body, signal });
        await passAnswer(answer, response, { signal, clock, idle }, undefined);
      } finally {
        release();
      }
    } finally {
      leave();
    }
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

/** As the check of destinations reads it, whatever the scheme. */
function plain(url: URL): string {
  const copy = new URL(url);
  copy.hash = '';
  return copy.href.replace(/^https:/, 'http:');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** What the API server could not answer is no fault of the caller. */
function refusalOfRelay(error: unknown): Refusal {
  const refusal =
    error instanceof KubeError && !(error instanceof ForbiddenError)
      ? new Refusal('unavailable', `The API server does not answer now: ${error.message}`, {
          'retry-after': '2',
        })
      : refusalOf(error);
  refusal.headers[reasonHeader] ??= 'Refused';
  return refusal;
}
