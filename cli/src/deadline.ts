import type { Failure } from './failure.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * Runs `work` with a signal that aborts when a person presses Ctrl-C or, with what `late` answers, when so many
 * milliseconds are over. Without a limit, only the person ends it.
 */
export async function within<Result>(
  around: Pick<Surroundings, 'signal' | 'clock'>,
  milliseconds: number | undefined,
  late: () => Failure,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (milliseconds === undefined) return work(around.signal);
  const over = new AbortController();
  const cancel = around.clock.schedule(milliseconds, () => over.abort(late()));
  try {
    return await work(AbortSignal.any([around.signal, over.signal]));
  } finally {
    cancel();
  }
}
