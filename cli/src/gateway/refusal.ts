import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import type { Outcome } from '../exit-code.ts';
import { Failure } from '../failure.ts';

const errorBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/** An answer of 400 and above, of the gateway or of the agent behind it. */
export class GatewayRefusal extends Error {
  override readonly name = 'GatewayRefusal';
  readonly status: number;
  readonly code: string;
  /** Milliseconds after which it may be asked again; undefined where it does not say. */
  readonly retryAfter: number | undefined;

  constructor(status: number, headers: IncomingHttpHeaders, body: string) {
    const { code, message } = parsed(body) ?? { code: '', message: `it answers with HTTP ${status}` };
    super(message);
    this.status = status;
    this.code = code;
    const seconds = Number(headers['retry-after']);
    this.retryAfter = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  }

  /** Whether asking again may help: it is busy, restarts, takes a checkpoint, or does not run yet. */
  get passing(): boolean {
    return this.status === 429 || this.status >= 502 || this.code === 'checkpointing';
  }
}

/** Nothing of the gateway answered. */
export class GatewayUnreached extends Error {
  override readonly name = 'GatewayUnreached';
}

function parsed(body: string): { code: string; message: string } | undefined {
  try {
    return errorBody.safeParse(JSON.parse(body)).data?.error;
  } catch {
    // What stands before the gateway answers in its own way.
    return undefined;
  }
}

/**
 * An error of the gateway in words for a person.
 * @param where the gateway, as it was reached
 */
export function explainGateway(error: GatewayRefusal | GatewayUnreached, where: string): Failure {
  const cause = { cause: error };
  const sentence = error.message.replace(/\.$/, '');
  if (error instanceof GatewayUnreached) {
    return new Failure(
      'unreachable',
      `the gateway (${where}) does not answer: ${sentence}`,
      ['What is wrong with it:  dormouse doctor', 'Another way to it:  --gateway URL'],
      cause,
    );
  }
  const known: Record<number, [Outcome, string[]]> = {
    401: ['forbidden', ['Log in again as your cluster asks for it; then try again.']],
    403: [
      'forbidden',
      ['The ClusterRole dormouse-user has what attaching and sending take; dormouse-approver the rest.'],
    ],
    404: ['notFound', []],
    409: ['refused', []],
  };
  const [outcome, next] = known[error.status] ?? [error.passing ? 'unreachable' : 'refused', []];
  return new Failure(outcome, sentence, next, cause);
}
