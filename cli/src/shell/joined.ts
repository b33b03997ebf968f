import type { Writable } from 'node:stream';
import type { ExitMessage, ResizeMessage } from '@dormouse/agent-runtime/protocol';
import type { WebSocket } from 'ws';
import type { Size } from '../terminal/tty.ts';
import { parseExit } from './exit.ts';

/** How a connection to a terminal ended: with its command; because both sleep with their workspace; or by itself, and the command goes on. */
export type Parting = { exit: ExitMessage } | { asleep: string } | { lost: string };

/** One connection to a terminal of a workspace. */
export class Joined {
  readonly #socket: WebSocket;
  /** Settles when the connection is over. */
  readonly parted: Promise<Parting>;

  /** @param socket paused; what comes over it is written to `output`, no faster than that takes it */
  constructor(socket: WebSocket, output: Writable) {
    this.#socket = socket;
    let exit: ExitMessage | undefined;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) exit = parseExit(data.toString()) ?? exit;
      else if (!output.write(data)) {
        socket.pause();
        output.once('drain', () => socket.resume());
      }
    });
    this.parted = new Promise((resolve) => {
      socket.once('close', (code: number, reason: Buffer) => {
        const said = reason.toString() || `the connection was lost (${code})`;
        if (exit === undefined) resolve({ lost: said });
        else resolve(exit.asleep ? { asleep: exit.message ?? said } : { exit });
      });
    });
    socket.resume();
  }

  /** Bytes that were typed. Resolves when they are on their way. */
  type(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, { binary: true }, () => resolve()));
  }

  resize({ columns, rows }: Size): void {
    const message: ResizeMessage = { type: 'resize', columns, rows };
    this.#socket.send(JSON.stringify(message));
  }

  leave(): void {
    this.#socket.close(1000);
    this.#socket.terminate();
  }
}
