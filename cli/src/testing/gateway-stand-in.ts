import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type {
  ApprovalRequest,
  MessageRecord,
  RuntimeEvent,
  RuntimeState,
} from '@dormouse/agent-runtime/protocol';

type Entry = { uuid: string; messageKey?: string; message: { role: string; content: unknown } };

/** A request to the stand-in. */
export interface Asked {
  method: string;
  /** Below the workspace: `agent/state`. */
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A stand-in for the gateway and the agent of workspace `ada` in namespace `team`, over a real socket. */
export class GatewayStandIn implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Tokens that it takes. */
  readonly tokens = new Set(['good']);
  readonly entries = new Map<string, Entry[]>();
  readonly approvals: ApprovalRequest[] = [];
  status: 'idle' | 'working' | 'waiting' = 'idle';
  /** Answers in place of the stand-in; true: it did. */
  intercept: (asked: Asked, response: ServerResponse) => boolean = () => false;
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void = (_request, socket) =>
    socket.destroy();
  /** Told of each message that is taken. */
  onMessage: (message: { key: string; session: string; text: string }) => void = () => undefined;
  readonly #events: { cursor: number; event: RuntimeEvent }[] = [];
  readonly #streams = new Set<ServerResponse>();
  readonly #server: Server;
  #port = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  static async open(): Promise<GatewayStandIn> {
    const standIn = new GatewayStandIn();
    await standIn.listen();
    return standIn;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Event streams that are open. */
  get watched(): number {
    return this.#streams.size;
  }

  get cursor(): number {
    return this.#events.length;
  }

  /** Begins again after `close`, at the same address. */
  listen(): Promise<void> {
    return new Promise((resolve) =>
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      }),
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.close();
  }

  /** Breaks the event streams. */
  cut(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  /** An event that lasts. */
  emit(event: RuntimeEvent): void {
    this.#events.push({ cursor: this.#events.length + 1, event });
    for (const stream of this.#streams) stream.write(frame(event, this.#events.length));
  }

  /** An event that does not. */
  send(event: RuntimeEvent): void {
    for (const stream of this.#streams) stream.write(frame(event));
  }

  delta(text: string, session = 'default'): void {
    this.send({ type: 'delta', data: { session, text } });
  }

  /** Writes an entry into the transcript and tells of it. */
  entry(role: 'user' | 'assistant', content: unknown, messageKey?: string, session = 'default'): void {
    const entries = this.entries.get(session) ?? [];
    this.entries.set(session, entries);
    const uuid = `${session}-${entries.length}`;
    entries.push({ uuid, ...(messageKey !== undefined && { messageKey }), message: { role, content } });
    this.emit({ type: 'entry', data: { session, uuid, role, summary: '' } });
  }

  message(record: Partial<MessageRecord> & { key: string }): void {
    const receivedAt = '2030-01-01T00:00:00Z';
    this.emit({ type: 'message', data: { session: 'default', phase: 'Completed', receivedAt, ...record } });
  }

  state(): RuntimeState {
    return {
      bootId: 'boot',
      workspace: { namespace: 'team', name: 'ada', uid: 'uid-of-ada' },
      configRevision: '1',
      cursor: this.cursor,
      busy: false,
      busyReasons: [],
      lastActivityAt: '2030-01-01T00:00:00Z',
      sessions: [...this.entries].map(([id, entries]) => ({
        id,
        status: this.status,
        queued: 0,
        entries: entries.length,
      })),
      openMessages: 0,
      approvals: this.approvals,
      background: [],
      subagents: [],
      plugins: [],
      services: [],
      tools: 'ready',
      lastSequence: 0,
      restore: { outcome: 'Fresh', processes: 'None', rejected: [], restored: [], restarted: [], ended: [] },
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const prefix = '/v1/namespaces/team/workspaces/ada/';
    const path = url.startsWith(prefix) ? url.slice(prefix.length) : url;
    const asked = { method, path, headers, body: await text(request) };
    this.asked.push(asked);
    if (this.intercept(asked, response)) return;
    const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!this.tokens.has(token)) return refuse(response, 401, 'unauthorized', 'The token is not accepted.');
    if (!url.startsWith(prefix)) return refuse(response, 404, 'not_found', 'There is no such workspace.');
    const { pathname, searchParams } = new URL(path, 'http://x/');
    const transcript = /^\/agent\/sessions\/([^/]+)\/transcript$/.exec(pathname);
    if (pathname === '/agent/state') answer(response, 200, this.state());
    else if (pathname === '/agent/events') this.#stream(response, searchParams.get('after'));
    else if (transcript !== null) {
      const entries = this.entries.get(transcript[1] ?? '');
      if (entries === undefined) return refuse(response, 404, 'not_found', 'There is no session.');
      const lines = entries.slice(Number(searchParams.get('after') ?? 0));
      response.end(lines.map((each) => `${JSON.stringify(each)}\n`).join(''));
    } else if (pathname === '/agent/messages' && method === 'POST') {
      answer(response, 202, {});
      this.onMessage(JSON.parse(asked.body));
    } else if (method === 'POST') answer(response, 202, {});
    else refuse(response, 404, 'not_found', 'There is no such route.');
  }

  #stream(response: ServerResponse, after: string | null): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(frame({ type: 'state', data: this.state() }));
    const missed = after === null ? [] : this.#events.slice(Number(after));
    for (const { cursor, event } of missed) response.write(frame(event, cursor));
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }
}

/** An answer in the shape of the gateway's errors. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  answer(response, status, { error: { code, message } });
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function frame(event: RuntimeEvent, cursor?: number): string {
  const id = cursor === undefined ? '' : `id: ${cursor}\n`;
  return `${id}event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
}
