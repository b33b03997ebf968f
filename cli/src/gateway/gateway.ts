import { once } from 'node:events';
import { type Agent, type ClientRequest, type IncomingMessage, request as openPlain } from 'node:http';
import { request as openTls } from 'node:https';
import { text } from 'node:stream/consumers';
import { KubeError } from '@dormouse/operator/kube';
import { WebSocket } from 'ws';
import type { z } from 'zod';
import { Failure } from '../failure.ts';
import { cliVersion } from '../version.ts';
import { handshake, NotUpgraded } from '../websocket/handshake.ts';
import { GatewayRefusal, GatewayUnreached } from './refusal.ts';
import type { Tokens } from './tokens.ts';

export interface GatewayOptions {
  /** Where requests go, perhaps with a path before theirs. */
  url: URL;
  /** Opens and keeps connections. */
  agent: Agent;
  tokens: Tokens;
}

export interface GatewayRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: object;
  headers?: Record<string, string>;
  signal: AbortSignal;
}

/** The gateway, asked with a token of the person. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #prefix: string;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#prefix = options.url.pathname.replace(/\/$/, '');
  }

  /**
   * A request whose answer is read by the caller, whatever its status; a refused token is renewed once.
   * @throws GatewayUnreached; KubeError or Failure of the way there; the signal's reason
   */
  async send(
    path: string,
    { method = 'GET', body, headers = {}, signal }: GatewayRequest,
  ): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const ask = async (renew: boolean) => {
      const asked = await this.open(
        path,
        {
          method,
          headers: {
            'user-agent': `dormouse-cli/${cliVersion}`,
            ...(content !== undefined && { 'content-type': 'application/json' }),
            ...headers,
          },
          signal,
        },
        renew,
      );
      asked.end(content);
      // Once the answer has begun, what breaks is told by the answer.
      asked.on('error', () => undefined);
      try {
        const [answer] = (await once(asked, 'response')) as [IncomingMessage];
        // A stream that is cut is told to whoever reads it; until then nobody listens.
        answer.on('error', () => undefined);
        return answer;
      } catch (error) {
        throw unreached(error, signal);
      }
    };
    const answer = await ask(false);
    if (answer.statusCode !== 401) return answer;
    answer.resume();
    return ask(true);
  }

  /** The answer as `schema` has it. @throws GatewayRefusal, and as `send` */
  async json<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    request: GatewayRequest,
  ): Promise<z.output<Schema>> {
    const answer = await this.must(path, request);
    const content = await text(answer).catch((error: unknown) => {
      throw unreached(error, request.signal);
    });
    const parsed = schema.safeParse(parseJson(content));
    if (parsed.success) return parsed.data;
    throw new GatewayUnreached(`what answers to ${path} is no gateway of this version of Dormouse`);
  }

  /** An answer below 300, its body still to be read. @throws GatewayRefusal, and as `send` */
  async must(path: string, request: GatewayRequest): Promise<IncomingMessage> {
    const answer = await this.send(path, request);
    const status = answer.statusCode ?? 0;
    if (status < 300) return answer;
    throw new GatewayRefusal(status, answer.headers, await text(answer).catch(() => ''));
  }

  /** A WebSocket, paused. @throws GatewayRefusal, and as `send` */
  async socket(path: string, protocol: string, signal: AbortSignal): Promise<WebSocket> {
    const { url, agent, tokens } = this.#options;
    const open = async (renew: boolean) => {
      const at = url.origin.replace(/^http/, 'ws') + this.#prefix + path;
      const headers = { authorization: `Bearer ${await tokens(renew)}` };
      return handshake(new WebSocket(at, [protocol], { agent, headers, perMessageDeflate: false }), signal);
    };
    try {
      return await open(false).catch((error) => {
        if (error instanceof NotUpgraded && error.status === 401) return open(true);
        throw error;
      });
    } catch (error) {
      if (error instanceof NotUpgraded) throw new GatewayRefusal(error.status, error.headers, error.body);
      throw unreached(error, signal);
    }
  }

  /** A request that the caller writes and whose answer they take: for what is passed on as it is. */
  async open(
    path: string,
    request: { method: string; headers: Record<string, string | string[]>; signal?: AbortSignal },
    renew = false,
  ): Promise<ClientRequest> {
    const { url, agent, tokens } = this.#options;
    const { method, headers, signal } = request;
    const open = url.protocol === 'https:' ? openTls : openPlain;
    return open({
      protocol: url.protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path: this.#prefix + path,
      method,
      headers: { ...headers, authorization: `Bearer ${await tokens(renew)}` },
      agent,
      ...(signal !== undefined && { signal }),
    });
  }

  close(): void {
    this.#options.agent.destroy();
  }
}

/** The path of a workspace at the gateway, and of what is below it. */
export function pathAt(workspace: { namespace: string; name: string }, below: string): string {
  const { namespace, name } = workspace;
  return `/v1/namespaces/${encodeURIComponent(namespace)}/workspaces/${encodeURIComponent(name)}/${below}`;
}

function unreached(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  // What stands in the way of a connection through the API server is said in its own words.
  if (error instanceof KubeError || error instanceof Failure) return error;
  return new GatewayUnreached((error as Error).message, { cause: error });
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
