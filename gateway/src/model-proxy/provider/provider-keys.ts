import { createHash } from 'node:crypto';
import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import { type Clock, type KubeClient, NotFoundError, resources } from '@dormouse/operator/kube';
import { RememberedAnswers } from '../../auth/index.ts';
import { Refusal } from '../../http/refusal.ts';
import { hostOf, type Provider } from './providers.ts';

export interface ProviderKeysOptions {
  kube: Pick<KubeClient, 'get'>;
  clock: Clock;
  /** Of the Secrets that classes name. */
  namespace: string;
}

/** A key as it was read. `hash` stands for it wherever something is remembered about it. */
export interface ProviderKey {
  value: string;
  hash: string;
}

/** Milliseconds: how soon a replaced key is noticed, and how soon one that was missing. */
const lifetime = { found: 5_000, missing: 2_000 };
/** Milliseconds for which a provider is not asked again whether it takes a key that it refused. */
const refusedFor = 60_000;
/** Seconds after which to come back: about when a mended key is noticed. */
const comeBack = '5';
const limit = 1_024;

/**
 * The keys of providers, each read from its Secret and remembered for seconds: a new one counts without anybody being told. A key
 * that the provider refused is not shown to it again at once, so that a thousand waiting workspaces do not look like an attack.
 */
export class ProviderKeys {
  readonly #options: ProviderKeysOptions;
  readonly #answers: RememberedAnswers<ProviderKey | undefined>;
  readonly #refused = new Map<string, { until: number; said: string }>();

  constructor(options: ProviderKeysOptions) {
    this.#options = options;
    this.#answers = new RememberedAnswers({
      clock: options.clock,
      limit,
      questions: limit,
      lifetime: (key) => (key === undefined ? lifetime.missing : lifetime.found),
      overloaded: () => new Refusal('unavailable', 'Too many keys are being read.', { 'retry-after': '1' }),
    });
  }

  /**
   * The key for a provider; undefined where its class says that there is none to show.
   * @throws Refusal that says what to mend; KubeError where the Secret cannot be read now.
   */
  async keyFor(provider: Provider, className: string): Promise<ProviderKey | undefined> {
    const { secretRef } = provider;
    if (secretRef === undefined) return undefined;
    const where = `Secret ${this.#options.namespace}/${secretRef.name}`;
    const named = `AgentWorkspaceClass ${className} names it in spec.model.`;
    const key = await this.#answers.ask(`${secretRef.name}/${secretRef.key}`, () => this.#read(secretRef));
    if (key === undefined)
      throw refusal(
        'CredentialMissing',
        `There is no ${where} with the key ${secretRef.key}: create it. ${named}`,
      );
    const refused = this.#refused.get(`${provider.baseUrl} ${key.hash}`);
    if (refused !== undefined && refused.until > this.#options.clock.monotonic())
      throw refusal(
        'CredentialRefused',
        `${hostOf(provider)} answered 401 to the key ${secretRef.key} in ${where}: ${refused.said} Replace it there. ${named}`,
      );
    return key;
  }

  /** The provider answered 401; `said` is its sentence. */
  refused(provider: Provider, key: ProviderKey, said: string): void {
    const until = this.#options.clock.monotonic() + refusedFor;
    this.#refused.set(`${provider.baseUrl} ${key.hash}`, { until, said });
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > limit && oldest !== undefined) this.#refused.delete(oldest);
  }

  async #read({ name, key }: NonNullable<Provider['secretRef']>): Promise<ProviderKey | undefined> {
    const { kube, namespace } = this.#options;
    try {
      const data = (await kube.get(resources.secrets, { namespace, name })).data as
        | Record<string, string>
        | undefined;
      // A trailing line break is what `kubectl create secret --from-file` brings along.
      const value = Buffer.from(data?.[key] ?? '', 'base64')
        .toString()
        .trim();
      if (value === '') return undefined;
      return { value, hash: createHash('sha256').update(value).digest('base64') };
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }
}

function refusal(reason: 'CredentialMissing' | 'CredentialRefused', message: string): Refusal {
  return new Refusal('unauthorized', message, { [reasonHeader]: reason, 'retry-after': comeBack });
}
