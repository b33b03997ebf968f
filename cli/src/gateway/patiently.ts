import { type Clock, delay } from '@dormouse/operator/kube';
import { isPassing } from './passing.ts';
import { GatewayRefusal } from './refusal.ts';

/** Milliseconds between two tries: at first, and at most. */
const pauses = { first: 250, longest: 10_000 };

/**
 * Asks until there is an answer, as long as asking again may help: a gateway that restarts, a workspace that takes longer
 * to wake than the gateway holds a request.
 *
 * @param told what stood in the way of a try
 * @throws what asking again does not mend; the signal's reason
 */
export async function patiently<Answer>(
  { clock, signal, told }: { clock: Clock; signal: AbortSignal; told: (error: Error) => void },
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      told(error);
      const asked = error instanceof GatewayRefusal ? error.retryAfter : undefined;
      await delay(clock, Math.min(asked ?? pause, pauses.longest), signal);
      signal.throwIfAborted();
    }
  }
}
