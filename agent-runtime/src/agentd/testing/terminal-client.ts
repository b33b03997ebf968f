import type { IncomingMessage } from 'node:http';
import { vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { terminalProtocol } from '../../protocol/terminals.ts';
import type { Json } from './workspace.ts';

/** A person's end of a terminal's WebSocket. */
export class TerminalClient {
  readonly socket: WebSocket;
  /** Text messages. */
  readonly told: Json[] = [];
  closed: { code: number; reason: string } | undefined;
  #shown = '';

  constructor(url: string, options: ClientOptions = {}, protocols: string[] = [terminalProtocol]) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, options);
    this.socket.on('message', (data, isBinary) => {
      if (isBinary) this.#shown += (data as Buffer).toString('latin1');
      else this.told.push(JSON.parse(data.toString()));
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('error', () => undefined);
  }

  /** What was shown, each byte as one character. */
  get shown(): string {
    return this.#shown;
  }

  /** Resolves when it is open. */
  opened(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => resolve(this));
      this.socket.once('error', reject);
    });
  }

  /** Resolves with what the server answered in place of an upgrade. */
  refused(): Promise<{ status: number | undefined; body: Json }> {
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => reject(new Error('it was opened')));
      this.socket.once('unexpected-response', async (_request, answer: IncomingMessage) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk as Buffer);
        resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) });
      });
    });
  }

  type(text: string): void {
    this.socket.send(Buffer.from(text));
  }

  resize(columns: number, rows: number): void {
    this.socket.send(JSON.stringify({ type: 'resize', columns, rows }));
  }

  async sees(text: string): Promise<void> {
    await vi.waitFor(() => {
      if (!this.#shown.includes(text))
        throw new Error(`not shown: ${text}; last: ${JSON.stringify(this.#shown.slice(-500))}`);
    }, 10_000);
  }

  /** Resolves when it is closed. */
  async end(): Promise<{ code: number; reason: string }> {
    return vi.waitFor(() => {
      if (this.closed === undefined) throw new Error('it is still open');
      return this.closed;
    }, 10_000);
  }
}
