import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Respond = (response: ServerResponse, request: IncomingMessage, body: string) => void;

/** A provider that answers as it is told, byte by byte. */
export class RawProvider implements AsyncDisposable {
  readonly received: { url: string | undefined; headers: IncomingMessage['headers']; body: string }[] = [];
  respond: Respond;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  private constructor(respond: Respond) {
    this.respond = respond;
  }

  static async open(respond: Respond): Promise<RawProvider> {
    const provider = new RawProvider(respond);
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks).toString();
    this.received.push({ url: request.url, headers: request.headers, body });
    this.respond(response, request, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Writes pieces one by one, each in a packet of its own; then ends the answer, or cuts the connection. */
export function inPieces(pieces: readonly Buffer[], end: 'end' | 'cut'): Respond {
  return async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'request-id': 'req_1' });
    for (const piece of pieces) {
      if (response.destroyed) return;
      await new Promise<void>((resolve) => response.write(piece, () => setImmediate(resolve)));
    }
    if (end === 'cut') response.destroy();
    else response.end();
  };
}

const event = (type: string, data: object) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

/** A whole stream, as the API sends it. */
export function stream({ text = 'ä€😀 and more', output = 42, usage = {} } = {}): string {
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'scripted',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: 100,
      output_tokens: 1,
      cache_read_input_tokens: 20,
      cache_creation_input_tokens: 10,
      ...usage,
    },
  };
  return [
    event('message_start', { message }),
    event('ping', {}),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...[...text].map((piece) =>
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: piece } }),
    ),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: output },
    }),
    event('message_stop', {}),
  ].join('');
}
