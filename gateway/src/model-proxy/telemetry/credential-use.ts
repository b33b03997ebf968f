import type { CallReport } from '../model-proxy.ts';

/** Which workspace had a provider's key used for it, and what came of it. No key, no token, nothing of what was said. */
export interface CredentialUse extends CallReport {
  action: 'model';
  /** `NAMESPACE/NAME`; absent where nobody in particular asked. */
  workspace?: string;
  class?: string;
  /** Path, with `{id}` for the name of a model, or `none`. */
  route: string;
  /** `answered` (by the provider, whatever its status), `left` (the client did), or the reason or else the code of a refusal. */
  outcome: string;
  /** HTTP status; 499 where the client left before one was sent. */
  status: number;
  milliseconds: number;
}
