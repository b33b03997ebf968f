import { TurnAborted } from './turn-aborted.ts';
import type { TurnFiles } from './turn-files.ts';

/** What was read so many milliseconds before a turn begins is not what the files are. */
const freshMs = 250;

/** How a turn begins: `abort` is for all that it does; `files` are read by now, or are to be read. */
export interface Beginning {
  abort: AbortController;
  files: () => TurnFiles;
}

/** Reads what a session's next turn begins with, 1 ms before it does (2026-11): while its message goes to the disk. */
export class FilesAhead {
  readonly #open: (signal: AbortSignal) => TurnFiles;
  #begun: { abort: AbortController; files: TurnFiles; at: number } | undefined;

  constructor(open: (signal: AbortSignal) => TurnFiles) {
    this.#open = open;
  }

  begin(): void {
    if (this.#begun !== undefined) return;
    const abort = new AbortController();
    const files = this.#open(abort.signal);
    files.begin();
    this.#begun = { abort, files, at: performance.now() };
  }

  /** For the turn that begins now, or when there is a place for it: what was read too long before that is read again. */
  take(): Beginning {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun === undefined) {
      const abort = new AbortController();
      return { abort, files: () => this.#open(abort.signal) };
    }
    const { abort, files, at } = begun;
    const isFresh = () => performance.now() - at < freshMs;
    return { abort, files: () => (isFresh() ? files : this.#open(abort.signal)) };
  }

  /** Nobody has taken it: the message is not there, or no turn may begin. */
  drop(): void {
    this.#begun?.abort.abort(new TurnAborted('pause', 'no turn begins'));
    this.#begun = undefined;
  }
}
