import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { vi } from 'vitest';
import { encodeFrame, FrameReader } from '../../protocol/frames.ts';
import type { ExitMessage } from '../../protocol/terminals.ts';
import { terminalFrames } from '../../protocol/tools-api.ts';

let sockets = 0;

/** Somebody who sees a terminal and types on it, as agentd does it for a client. */
export class Onlooker {
  readonly #shown: Buffer[] = [];
  exit: ExitMessage | undefined;
  letGo = false;
  closed = false;
  readonly #socket: Duplex;

  /** A real socket between the one who attaches and what `attach` is given. */
  static async at(folder: string, attach: (socket: Duplex, head: Buffer) => void): Promise<Onlooker> {
    const path = join(folder, `onlooker-${sockets++}.sock`);
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const served = new Promise<Socket>((resolve) => server.once('connection', resolve));
    const socket = connect(path);
    attach(await served, Buffer.alloc(0));
    server.close();
    return new Onlooker(socket);
  }

  constructor(socket: Duplex) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.closed = true;
    });
    socket.on('data', (chunk: Buffer) => {
      for (const { kind, payload } of reader.push(chunk)) {
        if (kind === terminalFrames.bytes) this.#shown.push(payload);
        if (kind === terminalFrames.exit) this.exit = JSON.parse(payload.toString());
        if (kind === terminalFrames.behind) this.letGo = true;
      }
    });
  }

  /** All that was shown. */
  get shown(): Buffer {
    const all = Buffer.concat(this.#shown);
    this.#shown.splice(0, Number.POSITIVE_INFINITY, all);
    return all;
  }

  /** Bytes that were typed and not taken yet. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  type(text: string | Uint8Array): void {
    this.#socket.write(encodeFrame(terminalFrames.bytes, Buffer.from(text)));
  }

  resize(columns: number, rows: number): void {
    const text = JSON.stringify({ type: 'resize', columns, rows });
    this.#socket.write(encodeFrame(terminalFrames.resize, Buffer.from(text)));
  }

  /** Resolves when this has been shown. */
  async sees(text: string): Promise<void> {
    await vi.waitFor(() => {
      if (!this.shown.includes(text)) throw new Error(`not shown: ${text}; last: ${this.#last()}`);
    }, 10_000);
  }

  async seesTheEnd(): Promise<ExitMessage> {
    return vi.waitFor(() => {
      if (this.exit === undefined) throw new Error(`no end; last: ${this.#last()}`);
      return this.exit;
    }, 10_000);
  }

  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  leave(): void {
    this.#socket.destroy();
  }

  #last(): string {
    return JSON.stringify(this.shown.subarray(-500).toString());
  }
}
