import type { ServerResponse } from 'node:http';
import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import { ForbiddenError, KubeError } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { answerRefusal } from '../http/answer.ts';
import { ClientLeft } from '../http/client-left.ts';
import { Refusal, refusalOf } from '../http/refusal.ts';

/**
 * Lets `relay` answer what was asked for a workspace, and answers what it refuses; how it ended, for the audit. The gateway's own
 * words carry `reasonHeader`, so that nobody takes them for those of who was asked.
 */
export async function relayed(
  relay: () => Promise<void>,
  response: ServerResponse,
  signal: AbortSignal,
  log: Logger,
): Promise<string> {
  try {
    await relay();
    return 'answered';
  } catch (error) {
    if (signal.aborted && signal.reason instanceof ClientLeft) return 'left';
    const refusal = refusalOfRelay(error);
    if (refusal.code === 'internal') log.error({ err: error }, 'nothing could be asked for a workspace');
    answerRefusal(response, refusal);
    return refusal.code;
  }
}

/** What the API server could not answer is no fault of the caller. */
function refusalOfRelay(error: unknown): Refusal {
  const refusal =
    error instanceof KubeError && !(error instanceof ForbiddenError)
      ? new Refusal('unavailable', `The API server does not answer now: ${error.message}`, {
          'retry-after': '2',
        })
      : refusalOf(error);
  refusal.headers[reasonHeader] ??= 'Refused';
  return refusal;
}
