import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { askOver } from '../http/ask-over.ts';

/** What a client of MCP says in headers; nothing else goes on. */
const passed = [
  'accept',
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];

export interface Question {
  url: URL;
  /** Connected to an address of the host of `url`. */
  socket: Socket;
  request: IncomingMessage;
  /** Besides those of the client, and in their place. */
  headers: readonly [name: string, value: string][];
  body: Buffer;
  signal: AbortSignal;
}

/** Asks a server what a client of MCP asked. Rejects as `askOver` does. */
export function askServer({
  url,
  socket,
  request,
  headers,
  body,
  signal,
}: Question): Promise<IncomingMessage> {
  const all: Record<string, string> = {};
  for (const name of passed) {
    const value = request.headers[name];
    if (typeof value === 'string') all[name] = value;
  }
  for (const [name, value] of headers) all[name.toLowerCase()] = value;
  const { method } = request;
  const own = method === 'POST' ? body : undefined;
  return askOver({ url, socket, method, headers: all, body: own, signal, what: 'MCP server' });
}
