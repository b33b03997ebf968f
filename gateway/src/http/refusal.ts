/** Why the gateway does not do what it was asked; each with one HTTP status. */
const statusOf = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  proxy_unauthorized: 407,
  timeout: 408,
  too_large: 413,
  too_many: 429,
  internal: 500,
  bad_gateway: 502,
  unavailable: 503,
  gateway_timeout: 504,
} as const;

export type RefusalCode = keyof typeof statusOf;

/** An answer of the gateway itself with a status of 400 and above. `message` is written for a person. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly status: number;
  readonly headers: Record<string, string>;
  /** Behind the status in the first line of an answer: of some clients the only thing that a person sees. */
  readonly phrase: string;

  constructor(
    code: RefusalCode,
    message: string,
    headers: Record<string, string> = {},
    phrase: string = code,
  ) {
    super(message);
    this.code = code;
    this.status = statusOf[code];
    this.headers = headers;
    this.phrase = phrase;
  }

  /** The same shape as the errors of agentd, so that a client reads one. */
  body(): { error: { code: RefusalCode; message: string } } {
    return { error: { code: this.code, message: this.message } };
  }
}

/** What an error means to the caller: what is no {@link Refusal} is a defect, and its text stays in the log. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('internal', 'The request failed inside the gateway; its log says why.');
}
