import type { Readable } from 'node:stream';
import { agentPort, keyHeaders } from '@dormouse/agent-runtime/protocol';
import { Client } from 'undici';
import type { RawRequest, RawResponse } from '../kube/index.ts';

/** One agentd: the pod it runs in, and the key that it knows the operator by. */
export interface AgentTarget {
  namespace: string;
  podName: string;
  podUID: string;
  ip: string;
  key: string;
}

export interface AgentRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query, from `/v1` on. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Ends the request, the answer's body included. */
  signal: AbortSignal;
}

export interface AgentResponse {
  status: number;
  /** Must be read to its end or destroyed. */
  body: Readable;
}

/** The connections to one agentd. */
export interface AgentChannel {
  /** Rejects where no answer came. */
  send(request: AgentRequest): Promise<AgentResponse>;
  /** Gives up every request and closes the sockets. */
  close(): Promise<void>;
}

/** How agentd is reached. */
export type AgentTransport = (target: AgentTarget) => AgentChannel;

/**
 * Straight to the pod's address, for an operator inside the cluster. Every channel has sockets of its own: a connect that
 * hangs because a packet was dropped (a network policy that is not in force yet) is thrown away with its channel, instead
 * of making the next try wait for TCP's second SYN.
 */
export function directTransport(port: number = agentPort): AgentTransport {
  return ({ ip, key }) => {
    const host = ip.includes(':') ? `[${ip}]` : ip;
    // The event stream occupies one socket; requests take the other.
    const open = () =>
      new Client(`http://${host}:${port}`, { headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 30_000 });
    const clients: { events?: Client; requests?: Client } = {};
    return {
      async send({ method, path, body, signal }) {
        const lane = path.startsWith('/v1/events') ? 'events' : 'requests';
        clients[lane] ??= open();
        const answer = await clients[lane].request({
          method,
          path,
          signal,
          headers: {
            [keyHeaders.bearer]: `Bearer ${key}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return { status: answer.statusCode, body: answer.body };
      },
      async close() {
        await Promise.all([clients.events?.destroy(), clients.requests?.destroy()]);
      },
    };
  };
}

/** Through the API server's proxy to pods, for an operator outside the cluster. */
export function proxyTransport(kube: { raw(request: RawRequest): Promise<RawResponse> }): AgentTransport {
  return ({ namespace, podName, key }) => {
    const closing = new AbortController();
    const prefix = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(podName)}:${agentPort}/proxy`;
    return {
      async send({ method, path, body, signal }) {
        const { status, body: stream } = await kube.raw({
          method,
          path: `${prefix}${path}`,
          signal: AbortSignal.any([signal, closing.signal]),
          // The stream lives for days; whoever sends gives requests their limits by `signal`.
          timeout: 2 ** 31 - 1,
          headers: {
            [keyHeaders.proxied]: key,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        return { status, body: stream };
      },
      close() {
        closing.abort();
        return Promise.resolve();
      },
    };
  };
}
