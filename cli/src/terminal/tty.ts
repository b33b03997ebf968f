import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

/** Characters across and down. */
export interface Size {
  columns: number;
  rows: number;
}

/** Where a person types and reads, byte by byte. */
export interface Tty {
  input: Readable;
  output: Writable;
  size(): Size;
  /** Calls `changed` whenever the size is another, until the returned function is called. */
  resized(changed: () => void): () => void;
  /** Every key comes as it is typed, Ctrl-C too, until it is disposed of. Nothing where the input is no terminal. */
  raw(): Disposable;
}

/** Characters across or down that a terminal of a workspace has at most. */
const largest = 1000;

/** The terminal of a process. What it changes is changed back when the process ends, whatever ends it but SIGKILL. */
export function ttyOf(process: NodeJS.Process): Tty {
  const { stdin, stdout } = process;
  return {
    input: stdin,
    output: stdout,
    size: () => ({
      columns: Math.min(stdout.columns || 80, largest),
      rows: Math.min(stdout.rows || 24, largest),
    }),
    resized(changed) {
      stdout.on('resize', changed);
      return () => void stdout.off('resize', changed);
    },
    raw() {
      if (!stdin.isTTY) return { [Symbol.dispose]: () => undefined };
      const restore = () => void stdin.setRawMode(false);
      stdin.setRawMode(true);
      process.on('exit', restore);
      // Only now: whoever starts the program with nohup wants this signal to mean nothing.
      const hungUp = () => process.exit(128 + constants.signals.SIGHUP);
      process.once('SIGHUP', hungUp);
      return {
        [Symbol.dispose]() {
          process.off('exit', restore).off('SIGHUP', hungUp);
          restore();
        },
      };
    },
  };
}
