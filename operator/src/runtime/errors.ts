import type { ApiError } from '@dormouse/agent-runtime/protocol';

/** No whole answer came, or one that is not agentd's. The request may have been carried out. */
export class AgentUnreachableError extends Error {
  override readonly name = 'AgentUnreachableError';
}

/** agentd answered with a refusal. `code` says what that means to the caller. */
export class AgentRefusedError extends Error {
  override readonly name = 'AgentRefusedError';
  readonly status: number;
  readonly code: ApiError['error']['code'];

  constructor(status: number, code: ApiError['error']['code'], message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
