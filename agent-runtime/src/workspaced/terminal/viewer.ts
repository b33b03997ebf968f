import type { Duplex } from 'node:stream';
import { encodeBytes, encodeFrame, type Frame, FrameReader } from '../../protocol/frames.ts';
import { type ExitMessage, type ResizeMessage, resizeMessage } from '../../protocol/terminals.ts';
import { terminalFrames } from '../../protocol/tools-api.ts';

/** Bytes that a viewer may have before it, unread: from the first on it counts as behind, at the second it is let go. */
const backlog = { behind: 256 * 1024, most: 1024 * 1024 };

/** What a viewer does, as its terminal is told. */
export interface ViewerEvents {
  typed(bytes: Buffer): void;
  resized(size: ResizeMessage): void;
  /** It has read all that was before it. */
  caughtUp(): void;
  left(): void;
}

/** One connection over which somebody sees a terminal and types on it. */
export class Viewer {
  readonly #socket: Duplex;

  constructor(socket: Duplex, head: Buffer, events: ViewerEvents) {
    this.#socket = socket;
    const reader = new FrameReader();
    const take = ({ kind, payload }: Frame) => {
      if (kind === terminalFrames.bytes) events.typed(payload);
      else if (kind === terminalFrames.resize)
        events.resized(resizeMessage.parse(JSON.parse(payload.toString())));
    };
    socket.on('error', () => socket.destroy());
    socket.once('close', () => events.left());
    socket.once('end', () => socket.end());
    socket.on('drain', () => events.caughtUp());
    if (head.length > 0) socket.unshift(head);
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) take(frame);
      } catch (error) {
        // agentd has checked what its client said: this is none of its frames.
        socket.destroy(error as Error);
      }
    });
  }

  /** Whether it has more before it than it should. */
  get behind(): boolean {
    return this.#socket.writableLength > backlog.behind;
  }

  /** Whether nobody can wait for it any more. */
  get lost(): boolean {
    return this.#socket.writableLength > backlog.most;
  }

  show(bytes: Buffer): void {
    if (bytes.length > 0) this.#socket.write(encodeBytes(terminalFrames.bytes, bytes));
  }

  /** Nothing of what it types is read until `listen`. */
  ignore(): void {
    this.#socket.pause();
  }

  listen(): void {
    this.#socket.resume();
  }

  /** The command has ended: the last thing that it is told. */
  finish(exit: ExitMessage): void {
    this.#socket.end(encodeFrame(terminalFrames.exit, Buffer.from(JSON.stringify(exit))));
  }

  /** It does not keep up with the others: the last thing that it is told, once it reads again. */
  letGo(): void {
    this.#socket.end(encodeFrame(terminalFrames.behind, Buffer.alloc(0)));
  }
}
