import type { Exit } from '../process/session.ts';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

/** Milliseconds. The first restart is quick, since most crashes are single; a service that cannot start costs one try a minute. */
export const backOff = { first: 500, most: 60_000, stableAfter: 60_000 };

/** The pause before the next start, after a run of `ranMs` that had followed a pause of `previous` (0: none). */
export function nextPause(previous: number, ranMs: number): number {
  if (previous === 0 || ranMs >= backOff.stableAfter) return backOff.first;
  return Math.min(previous * 2, backOff.most);
}

export function shouldRestart(policy: RestartPolicy, exit: Exit): boolean {
  if (policy === 'Always') return true;
  return policy === 'OnFailure' && exit.code !== 0;
}
