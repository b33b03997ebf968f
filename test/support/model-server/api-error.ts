/** The documented error types of the Messages API, by HTTP status. */
const types: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** What the API calls an answer of `status`. Statuses that the documentation leaves out fall into the two broad types. */
export function errorType(status: number): string {
  return types[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** A request that is answered with an error body. `retryAfter` is in seconds and becomes the header. */
export class ApiError extends Error {
  readonly status: number;
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The documented shape of an error, as the body of an answer and as the data of an `error` event. */
export function errorBody(status: number, message: string, requestId: string) {
  return {
    type: 'error' as const,
    error: { type: errorType(status), message },
    request_id: requestId,
  };
}

/** Shorthand for the most frequent kind: the request itself is wrong. */
export function invalid(message: string): ApiError {
  return new ApiError(400, message);
}
