import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds without work after which memory is given back: longer than people pause, shorter than a workspace stays awake. */
const quietMs = 3_000;

/**
 * Collects all garbage, and gives back what the heap no longer takes, once a process has started or worked and now rests. Node.js does so
 * only when something allocates, which a process at rest does not. agentd takes 68 MB after its start with it, and workspaced 57
 * (2026-11). It takes 80 to 210 ms of a processor, in which nobody waits.
 */
export class IdleMemory {
  readonly #release: () => void;
  readonly #collect: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** Whether there may be something to give back. */
  #worked = true;

  /** @param release lets go of what is held for speed alone */
  constructor(release: () => void = () => undefined, collect = collectGarbage) {
    this.#release = release;
    this.#collect = collect;
  }

  works(): void {
    this.#worked = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  rests(): void {
    if (!this.#worked || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#worked = false;
      this.#release();
      this.#collect();
    }, quietMs).unref();
  }
}

/** V8's own, with the flavor that gives pages back to the system; there is no other way to it than this flag. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  // Code that did not run between several of them goes, too: 1 MB.
  for (let round = 0; round < 4; round += 1) gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimHeap();
}

/**
 * Gives back what the C library keeps between what is in use, which is none of the garbage above: 12 MB of an agentd that has worked
 * on 220 messages (2026-11). Memory stays as it is where Node.js was built without the way to it.
 */
function trimHeap(): void {
  const ffi = process.getBuiltinModule('node:ffi');
  if (ffi === undefined) return;
  using library = ffi.dlopen(null, { malloc_trim: { arguments: ['u64'], return: 'i32' } });
  library.functions.malloc_trim(0n);
}
