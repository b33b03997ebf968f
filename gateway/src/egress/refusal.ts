import { Refusal, type RefusalCode } from '../http/refusal.ts';

/**
 * Why a workspace does not get out: the code of the answer, and the error of the header Proxy-Status (RFC 9209), which clients show
 * where they hide the body of an answer to CONNECT.
 */
const outcomes = {
  invalid: { code: 'invalid', error: 'http_request_error' },
  unauthorized: { code: 'proxy_unauthorized', error: 'http_request_denied' },
  not_allowed: { code: 'forbidden', error: 'http_request_denied' },
  prohibited_address: { code: 'forbidden', error: 'destination_ip_prohibited' },
  too_many: { code: 'too_many', error: 'connection_limit_reached' },
  unresolved: { code: 'bad_gateway', error: 'dns_error' },
  unreachable: { code: 'bad_gateway', error: 'destination_unavailable' },
  broken: { code: 'bad_gateway', error: 'connection_terminated' },
  timeout: { code: 'gateway_timeout', error: 'connection_timeout' },
  unavailable: { code: 'unavailable', error: 'proxy_internal_error' },
} as const satisfies Record<string, { code: RefusalCode; error: string }>;

export type EgressOutcome = keyof typeof outcomes;

/** An answer of the egress proxy itself. `message` is written for a person and for the agent. */
export class EgressRefusal extends Refusal {
  /** For metrics and audit lines. */
  readonly outcome: EgressOutcome;

  constructor(outcome: EgressOutcome, message: string) {
    const { code, error } = outcomes[outcome];
    super(code, message, {
      'proxy-status': `dormouse; error=${error}; details="${quotable(message)}"`,
      ...(outcome === 'unauthorized' ? { 'proxy-authenticate': 'Basic realm="dormouse"' } : {}),
      ...(code === 'too_many' || code === 'unavailable' ? { 'retry-after': '5' } : {}),
    });
    this.outcome = outcome;
  }
}

/** What a quoted string of a header can hold. */
function quotable(message: string): string {
  return message.replace(/[^\x20-\x7e]|["\\]/g, "'");
}
