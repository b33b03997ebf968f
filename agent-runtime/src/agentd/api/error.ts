import type { ApiError } from '../../protocol/agent-api.ts';

type Code = ApiError['error']['code'];

const statusOf: Record<Code, number> = {
  unauthorized: 401,
  invalid: 400,
  not_found: 404,
  conflict: 409,
  expired: 409,
  busy: 409,
  checkpointing: 409,
  unavailable: 503,
  storage: 507,
  internal: 500,
};

/** An answer of 400 and above. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: Code;
  readonly status: number;
  readonly details: unknown;

  constructor(code: Code, message: string, details?: unknown, status?: number) {
    super(message);
    this.code = code;
    this.status = status ?? statusOf[code];
    this.details = details;
  }

  body(): ApiError {
    const details = this.details === undefined ? {} : { details: this.details };
    return { error: { code: this.code, message: this.message, ...details } };
  }
}
