import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { StateBoard } from '../state/state-board.ts';

/** Milliseconds without work after which memory is given back: longer than people pause, shorter than a workspace stays awake. */
const quietMs = 3_000;

/**
 * Collects all garbage, and gives back what the heap no longer takes, when the agent has worked and now rests. Node.js does so
 * only when something allocates, which a process at rest does not: 132 MB stayed resident that are 106 afterwards. It takes 70 ms, in which
 * nobody waits.
 */
export function giveMemoryBack(board: Pick<StateBoard, 'subscribe'>, collect = collectGarbage): void {
  let worked = false;
  let timer: NodeJS.Timeout | undefined;
  board.subscribe(({ busy }) => {
    if (busy) {
      worked = true;
      clearTimeout(timer);
      timer = undefined;
    } else if (worked) {
      worked = false;
      timer = setTimeout(collect, quietMs).unref();
    }
  });
}

/** V8's own, with the flavor that gives pages back to the system; there is no other way to it than this flag. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (options: object) => void;
  setFlagsFromString('--no-expose-gc');
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
