import { createHmac } from 'node:crypto';
import type { AgentWorkspaceClass } from '@dormouse/crds';
import type { Store } from '../cache/index.ts';
import type { Secret } from '../kube/index.ts';
import type { CredentialLookup } from './snapshot.ts';

/** The credentials of model providers: Secrets in the operator's namespace that classes name. */
export class ProviderCredentials {
  readonly #secrets: Pick<Store<Secret>, 'get'>;
  readonly #namespace: string;
  readonly #fingerprintKey: string | Uint8Array;

  constructor(secrets: Pick<Store<Secret>, 'get'>, namespace: string, fingerprintKey: string | Uint8Array) {
    this.#secrets = secrets;
    this.#namespace = namespace;
    this.#fingerprintKey = fingerprintKey;
  }

  /** What a plan may know: that there is one, and whether it is another one than before. */
  lookUp(of: AgentWorkspaceClass | undefined): CredentialLookup {
    const reference = of?.spec.model.secretRef;
    if (reference === undefined) return { state: 'none' };
    const value = this.value(of);
    if (value === undefined)
      return { state: 'missing', secret: `${this.#namespace}/${reference.name}`, key: reference.key };
    return {
      state: 'found',
      fingerprint: createHmac('sha256', this.#fingerprintKey).update(value).digest('hex'),
    };
  }

  /** The credential itself; undefined where the class names none or it is missing. */
  value(of: AgentWorkspaceClass | undefined): string | undefined {
    const reference = of?.spec.model.secretRef;
    if (reference === undefined) return undefined;
    const data = this.#secrets.get({ namespace: this.#namespace, name: reference.name })?.data;
    const encoded = (data as Record<string, string> | undefined)?.[reference.key];
    // A trailing line break is what `kubectl create secret --from-file` brings along.
    return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString().trim();
  }
}

/** What a person has to do where {@link ProviderCredentials.lookUp} finds none. */
export function missingCredential(
  { secret, key }: Extract<CredentialLookup, { state: 'missing' }>,
  className: string,
): string {
  return `There is no Secret ${secret} with the key ${key}: create it. AgentWorkspaceClass ${className} names it in spec.model.secretRef.`;
}
