import { setTimeout as pause } from 'node:timers/promises';
import { type ExitMessage, exitMessage, terminalProtocol } from '@dormouse/agent-runtime/protocol';

/** A terminal of a workspace through the gateway, attached as a browser does it: the token is a subprotocol. */
export class TerminalClient implements Disposable {
  readonly #socket: WebSocket;
  readonly #decoder = new TextDecoder();
  #shown = '';
  #exit: ExitMessage | undefined;
  #closed: { code: number; reason: string } | undefined;

  /** Resolves when it is open. */
  static async attach(url: string, token: string): Promise<TerminalClient> {
    const credential = `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [credential, terminalProtocol]);
    const client = new TerminalClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('open', () => resolve());
      socket.addEventListener('close', ({ code }) => reject(new Error(`${url} was not opened: ${code}`)));
    });
    return client;
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') this.#exit = exitMessage.parse(JSON.parse(data));
      else this.#shown += this.#decoder.decode(data as ArrayBuffer, { stream: true });
    });
    socket.addEventListener('close', ({ code, reason }) => {
      this.#closed = { code, reason };
    });
  }

  type(text: string): void {
    this.#socket.send(new TextEncoder().encode(text));
  }

  resize(columns: number, rows: number): void {
    this.#socket.send(JSON.stringify({ type: 'resize', columns, rows }));
  }

  /** Waits until it has been shown. */
  async sees(text: string, limit = 30_000): Promise<void> {
    await this.#until(() => this.#shown.includes(text), `${JSON.stringify(text)} to be shown`, limit);
  }

  /** Waits until it is closed; answers how, and what was told of the command's end before. */
  async end(limit = 30_000): Promise<{ code: number; exit: ExitMessage | undefined }> {
    await this.#until(() => this.#closed !== undefined, 'the end', limit);
    return { code: this.#closed?.code ?? 0, exit: this.#exit };
  }

  async #until(condition: () => boolean, what: string, limit: number): Promise<void> {
    const deadline = Date.now() + limit;
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`waited ${limit} ms for ${what}; last: ${JSON.stringify(this.#shown.slice(-500))}`);
      await pause(50);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
