import type { RuntimeState } from '../../protocol/state.ts';

type ProblemReason = NonNullable<RuntimeState['modelProblem']>['reason'];

/** A model request that did not come to its end. */
export interface ModelFailure {
  reason: ProblemReason;
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

/** Sorts an error of the SDK by what is to be done about it. A stream that ended early has no status and is retried. */
export function classify(error: unknown, now: number): ModelFailure {
  const shape = (typeof error === 'object' && error !== null ? error : {}) as ErrorShape;
  const status = typeof shape.status === 'number' ? shape.status : statusOfType[String(shape.type)];
  const message = String(shape.message ?? error).slice(0, 2_000);
  const retryAfterMs = shape.headers instanceof Headers ? retryAfter(shape.headers, now) : undefined;
  const more = {
    message,
    ...(status !== undefined && { status }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
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
