import { type GatewayReason, gatewayReasons, reasonHeader } from '../../protocol/gateway.ts';
import type { RuntimeState } from '../../protocol/state.ts';

type ProblemReason = NonNullable<RuntimeState['modelProblem']>['reason'];

/** A model request that did not come to its end. */
export interface ModelFailure {
  reason: ProblemReason;
  /** The word of the gateway, where it refused by itself and the provider was not asked. */
  gateway?: GatewayReason;
  status?: number;
  message: string;
  /** False where the same request would be refused again. */
  retryable: boolean;
  /** What the server asked for, in milliseconds. */
  retryAfterMs?: number;
}

/** The parts of an SDK error that are looked at: a status for an HTTP answer, a type for an error inside the stream. */
interface ErrorShape {
  status?: unknown;
  type?: unknown;
  message?: unknown;
  /** The body of the answer, where it is JSON. */
  error?: unknown;
  /** The sentence of the answer's body, without the JSON around it. */
  apiMessage?: unknown;
  headers?: unknown;
}

const statusOfType: Record<string, number> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
};

/** What each refusal of the gateway itself comes to, where the status alone would mislead. */
const ofGateway: Record<Exclude<GatewayReason, 'Refused'>, Pick<ModelFailure, 'reason' | 'retryable'>> = {
  CredentialMissing: { reason: 'CredentialMissing', retryable: true },
  CredentialRefused: { reason: 'Unauthorized', retryable: true },
  ModelNotAllowed: { reason: 'InvalidRequest', retryable: false },
  TokenBudgetSpent: { reason: 'BudgetSpent', retryable: false },
  CostBudgetSpent: { reason: 'BudgetSpent', retryable: false },
};

/** Sorts an error of the SDK by what is to be done about it. A stream that ended early has no status and is retried. */
export function classify(error: unknown, now: number): ModelFailure {
  const shape = (typeof error === 'object' && error !== null ? error : {}) as ErrorShape;
  const headers = shape.headers instanceof Headers ? shape.headers : undefined;
  const status = typeof shape.status === 'number' ? shape.status : statusOfType[String(shape.type)];
  const message = String(shape.apiMessage ?? shape.message ?? error).slice(0, 2_000);
  const retryAfterMs = headers === undefined ? undefined : retryAfter(headers, now);
  const gateway = gatewayReasons.find((each) => each === headers?.get(reasonHeader));
  const more = {
    message,
    ...(gateway !== undefined && { gateway }),
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  if (gateway !== undefined && gateway !== 'Refused') return { ...ofGateway[gateway], ...more };
  // Its 401 speaks of the workspace's token, which the kubelet renews: no key of a provider is wrong.
  if (gateway === 'Refused' && (status === 401 || status === 429))
    return { reason: 'Unavailable', retryable: true, ...more };
  // The API says in JSON what it does not find. Routers do not, as while the provider behind them is being replaced.
  if (shape.status === 404 && shape.error === undefined) {
    const what = `${message}: it was not the Messages API that answered`;
    return { reason: 'Unavailable', retryable: true, ...more, message: what };
  }
  if (status === undefined || status >= 500 || status === 408 || status === 409) {
    return { reason: status === 529 ? 'Overloaded' : 'Unavailable', retryable: true, ...more };
  }
  if (status === 429) return { reason: 'RateLimited', retryable: true, ...more };
  if (status === 401 || status === 403) return { reason: 'Unauthorized', retryable: true, ...more };
  return { reason: 'InvalidRequest', retryable: false, ...more };
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
export function retryAfter(headers: Headers, now: number): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN);
  if (ms >= 0) return ms;
  const header = headers.get('retry-after');
  if (header === null) return undefined;
  const seconds = Number(header);
  if (header.trim() !== '' && seconds >= 0) return seconds * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
