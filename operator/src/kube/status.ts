import {
  AlreadyExistsError,
  ConflictError,
  ForbiddenError,
  GoneError,
  InvalidError,
  type KubeError,
  NotFoundError,
  ServerError,
  TooManyRequestsError,
} from './errors.ts';

/** What of the API server's `Status` object the operator reads. */
interface Status {
  message?: string;
  reason?: string;
  code?: number;
  details?: { retryAfterSeconds?: number; causes?: { reason?: string }[] };
}

/**
 * The error that an answer means.
 *
 * @param what the request, for the message: `create pods team/ada`
 * @param body a `Status` as JSON, or whatever stands before the server answered
 * @param retryAfter the header, in seconds
 */
export function errorOf(what: string, code: number, body: string, retryAfter?: string): KubeError {
  let status: Status;
  try {
    status = JSON.parse(body) as Status;
  } catch {
    status = { message: body.slice(0, 200).trim() };
  }
  return errorOfStatus(what, code, status, retryAfter);
}

/** As {@link errorOf}, for a `Status` that is already parsed: the object of an ERROR event. */
export function errorOfStatus(what: string, code: number, status: Status, retryAfter?: string): KubeError {
  const reason = status.reason ?? '';
  const message = `${what}: ${status.message || `HTTP ${code}`}`;
  const seconds =
    status.details?.retryAfterSeconds ?? (retryAfter === undefined ? Number.NaN : Number(retryAfter));
  const wait = Number.isFinite(seconds) ? Math.max(0, seconds) * 1000 : undefined;
  if (code === 404) return new NotFoundError(message, code, reason);
  if (code === 409 && reason === 'AlreadyExists') return new AlreadyExistsError(message, code, reason);
  if (code === 409) return new ConflictError(message, code, reason);
  // A watch that is too old ends with reason Expired; its code has been 410 since long, yet only the reason is promised.
  if (code === 410 || reason === 'Expired' || reason === 'Gone') return new GoneError(message, code, reason);
  // etcd was restored from a backup: versions that were given out lie in the future now, and waiting does not help.
  if (status.details?.causes?.some((cause) => cause.reason === 'ResourceVersionTooLarge')) {
    return new GoneError(message, code, reason);
  }
  if (code === 401 || code === 403) {
    const terminating =
      status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') ?? false;
    return new ForbiddenError(message, code, reason, terminating);
  }
  if (code === 429) return new TooManyRequestsError(message, code, reason, wait);
  if (code >= 500) return new ServerError(message, code, reason, wait);
  return new InvalidError(message, code, reason);
}
