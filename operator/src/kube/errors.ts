/**
 * What can go wrong with a request to the API server, each with a meaning to the caller. `retryable` says whether the
 * same request may succeed later without anything else changing.
 */
export abstract class KubeError extends Error {
  abstract readonly retryable: boolean;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  /** The `reason` of the server's Status object: one CamelCase word, or empty. */
  readonly reason: string;

  constructor(message: string, status: number, reason = '', options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.status = status;
    this.reason = reason;
  }
}

/** 404: the object, its namespace or its kind does not exist. */
export class NotFoundError extends KubeError {
  readonly retryable = false;
}

/** 409: somebody else wrote first, or a precondition (uid, resourceVersion) does not hold. Look again and decide anew. */
export class ConflictError extends KubeError {
  readonly retryable = false;
}

/** 409 on create: an object of that name exists. */
export class AlreadyExistsError extends KubeError {
  readonly retryable = false;
}

/** 410: a resourceVersion or continue token is too old. List again. */
export class GoneError extends KubeError {
  readonly retryable = false;
}

/**
 * 401 or 403: credentials are missing, expired or lack a right. `namespaceTerminating` is true where the reason is that
 * the namespace is going away, which no right would change.
 */
export class ForbiddenError extends KubeError {
  readonly retryable = false;
  readonly namespaceTerminating: boolean;

  constructor(message: string, status: number, reason = '', namespaceTerminating = false) {
    super(message, status, reason);
    this.namespaceTerminating = namespaceTerminating;
  }
}

/** 400, 405, 413, 415 or 422: the server refuses the object for what it says. `message` is written for a person. */
export class InvalidError extends KubeError {
  readonly retryable = false;
}

/** 429: too many requests, or an eviction that a budget does not allow. */
export class TooManyRequestsError extends KubeError {
  readonly retryable = true;
  /** Milliseconds that the server asks to wait; undefined where it does not say. */
  readonly retryAfter: number | undefined;

  constructor(message: string, status: number, reason: string, retryAfter: number | undefined) {
    super(message, status, reason);
    this.retryAfter = retryAfter;
  }
}

/** 5xx: the server, or what stands before it, could not do it. The request may have been carried out. */
export class ServerError extends KubeError {
  readonly retryable = true;
  /** Milliseconds that the server asks to wait; undefined where it does not say. */
  readonly retryAfter: number | undefined;

  constructor(message: string, status: number, reason: string, retryAfter: number | undefined) {
    super(message, status, reason);
    this.retryAfter = retryAfter;
  }
}

/** No whole answer came: refused, reset, timed out, or not JSON. A write may have been carried out. */
export class TransportError extends KubeError {
  readonly retryable = true;

  constructor(message: string, cause?: unknown) {
    super(message, 0, '', { cause });
  }
}
