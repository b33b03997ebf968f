import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import type { Target } from '../attach/index.ts';
import { bearerToken } from '../auth/index.ts';
import { Refusal } from '../http/refusal.ts';
import { tooLarge } from '../limits/index.ts';
import { OwnDoor } from './own-door.ts';
import { registerTools } from './tools.ts';

/** Bytes of one request: a message has at most 64 KiB of text. */
const maxBody = 512 * 1024;

export interface McpRequest {
  target: Target;
  request: IncomingMessage;
  response: ServerResponse;
  /** Aborts when the client is gone, or the gateway gives the request up. */
  signal: AbortSignal;
  /** Called when the answer turns out to be a stream. */
  streams: () => void;
}

/**
 * Offers a workspace to other agents as an MCP server. It keeps nothing between two requests, so any replica answers any of them; both
 * revisions of streamable HTTP are spoken.
 */
export class McpEndpoint {
  readonly #origin: () => string;
  readonly #log: Logger;

  /** `origin`: where this gateway listens itself. */
  constructor(origin: () => string, log: Logger) {
    this.#origin = origin;
    this.#log = log;
  }

  /** Resolves when the answer is complete. Throws a refusal, or the signal's reason. */
  async serve({ target, request, response, signal, streams }: McpRequest): Promise<void> {
    const { workspace } = target;
    const token = bearerToken(request.rawHeaders, false);
    const door = new OwnDoor(this.#origin(), workspace, token);
    const handler = createMcpHandler(
      () => {
        const server = new McpServer(
          { name: `dormouse/${keyOf(workspace)}`, version: '0.1.0' },
          {
            instructions: `The agent workspace ${keyOf(workspace)}: an agent with files and conversations of its own, which sleeps while nobody needs it. The first call after a while takes a few seconds longer.`,
          },
        );
        registerTools(server, door, keyOf(workspace));
        return server;
      },
      {
        maxRequestBodySize: maxBody,
        onerror: (error) => this.#log.debug({ err: error, workspace: keyOf(workspace) }, 'MCP request'),
      },
    );
    try {
      const answer = await handler.fetch(await webRequest(request, signal));
      signal.throwIfAborted();
      if (answer.headers.get('content-type')?.startsWith('text/event-stream')) streams();
      response.writeHead(answer.status, [...answer.headers].flat());
      response.flushHeaders();
      if (answer.body === null) response.end();
      else await pipeline(Readable.fromWeb(answer.body as never), response, { signal });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error;
    } finally {
      await handler.close();
    }
  }
}

async function webRequest(request: IncomingMessage, signal: AbortSignal): Promise<Request> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxBody) throw tooLarge(maxBody);
    chunks.push(chunk as Buffer);
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    // What says who asks is the gateway's, and no part of the protocol.
    if (
      value !== undefined &&
      !/^(authorization|cookie|connection|host|content-length|transfer-encoding)$/.test(name)
    )
      headers.set(name, String(value));
  }
  const method = request.method ?? 'POST';
  if (method !== 'POST') throw new Refusal('method_not_allowed', 'This path takes POST.', { allow: 'POST' });
  return new Request('http://gateway.invalid/mcp', { method, headers, body: Buffer.concat(chunks), signal });
}
