import { Refusal, type RefusalCode } from '../http/refusal.ts';

/**
 * Why a workspace does not get out: the code of the answer, and the error of the header Proxy-Status (RFC 9209). Clients hide the body of
 * an answer to CONNECT; `curl -v` shows the header, and Python's show the phrase.
 */
const outcomes = {
  invalid: { code: 'invalid', error: 'http_request_error' },
  unauthorized: { code: 'proxy_unauthorized', error: 'http_request_denied' },
  not_allowed: {
    code: 'forbidden',
    error: 'http_request_denied',
    phrase: 'Not allowed by spec.egress.allow of the AgentWorkspaceClass',
  },
  prohibited_address: {
    code: 'forbidden',
    error: 'destination_ip_prohibited',
    phrase: 'The address is not public',
  },
  too_many: { code: 'too_many', error: 'connection_limit_reached' },
  unresolved: { code: 'bad_gateway', error: 'dns_error' },
  unreachable: { code: 'bad_gateway', error: 'destination_unavailable' },
  broken: { code: 'bad_gateway', error: 'connection_terminated' },
  timeout: { code: 'gateway_timeout', error: 'connection_timeout' },
  unavailable: { code: 'unavailable', error: 'proxy_internal_error' },
} as const satisfies Record<string, { code: RefusalCode; error: string; phrase?: string }>;

export type EgressOutcome = keyof typeof outcomes;

/** An answer of the egress proxy itself. `message` is written for a person and for the agent. */
export class EgressRefusal extends Refusal {
  /** For metrics and audit lines. */
  readonly outcome: EgressOutcome;

  constructor(outcome: EgressOutcome, message: string) {
    const { code, error, phrase }: { code: RefusalCode; error: string; phrase?: string } = outcomes[outcome];
    const headers = {
      'proxy-status': `dormouse; error=${error}; details="${quotable(message)}"`,
      ...(outcome === 'unauthorized' ? { 'proxy-authenticate': 'Basic realm="dormouse"' } : {}),
      ...(code === 'too_many' || code === 'unavailable' ? { 'retry-after': '5' } : {}),
    };
    super(code, message, headers, phrase);
    this.outcome = outcome;
  }
}

/** What a quoted string of a header can hold. */
function quotable(message: string): string {
  return message.replace(/[^\x20-\x7e]|["\\]/g, "'");
}
