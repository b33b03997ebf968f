import type { IncomingMessage } from 'node:http';
import type { AgentWorkspaceClass } from '@dormouse/crds';
import type { Clock } from '@dormouse/operator/kube';
import { Refusal } from '../../http/refusal.ts';
import { failureOf, type Span } from '../../telemetry/tracing.ts';
import { inOrder, restAfter } from './fail-over.ts';
import type { ProviderKey, ProviderKeys } from './provider-keys.ts';
import { hostOf, idOf, type Provider, providersOf } from './providers.ts';
import { ask, type Question, UnreachedProviderError } from './upstream.ts';

export interface ProviderChoiceOptions {
  keys: Pick<ProviderKeys, 'keyFor'>;
  clock: Clock;
  /** Told how long each provider took to begin its answer; `code`: its status, or `none`. */
  asked: (host: string, code: string, seconds: number) => void;
}

/** A provider's answer: its head; the body must be read or destroyed. */
export interface Answered {
  provider: Provider;
  key: ProviderKey | undefined;
  answer: IncomingMessage;
}

/** Asks the providers of a class one after another, those that failed a moment ago last. */
export class ProviderChoice {
  readonly #options: ProviderChoiceOptions;
  readonly #restsUntil = new Map<string, number>();

  constructor(options: ProviderChoiceOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the first answer that is no reason to ask the next one, or with the last.
   * @param asking is told of each provider before it is asked; what it answers ends with the head of the provider's answer
   * @throws Refusal, the signal's reason; KubeError where a key cannot be read.
   */
  async ask(
    of: AgentWorkspaceClass,
    question: Question,
    asking: (provider: Provider) => Span,
  ): Promise<Answered> {
    const { keys, clock } = this.#options;
    const rest = (provider: Provider) => this.#restsUntil.get(idOf(provider)) ?? 0;
    const left = inOrder(providersOf(of), rest, clock.monotonic());
    for (;;) {
      const provider = left.shift();
      if (provider === undefined) throw new Refusal('internal', 'The class has no provider.');
      const key = await keys.keyFor(provider, of.metadata.name);
      const span = asking(provider);
      try {
        const answer = await this.#ask(provider, key, question, span);
        if (!this.#goesOn(provider, answer) || left.length === 0) return { provider, key, answer };
        answer.destroy();
      } catch (error) {
        if (!(error instanceof UnreachedProviderError)) throw error;
        this.#restsUntil.set(idOf(provider), clock.monotonic() + (restAfter({ kind: 'unreached' }) ?? 0));
        if (left.length === 0)
          throw new Refusal('bad_gateway', `${hostOf(provider)} was not reached: ${error.message}.`);
      }
    }
  }

  async #ask(
    provider: Provider,
    key: ProviderKey | undefined,
    question: Question,
    span: Span,
  ): Promise<IncomingMessage> {
    const { clock, asked } = this.#options;
    const since = clock.monotonic();
    let code = 'none';
    try {
      const answer = await ask(provider, key, question);
      code = String(answer.statusCode);
      span.set({ 'http.response.status_code': answer.statusCode ?? 0 });
      return answer;
    } catch (error) {
      span.fail(failureOf(error));
      throw error;
    } finally {
      asked(hostOf(provider), code, (clock.monotonic() - since) / 1000);
      span.end();
    }
  }

  /** Whether the answer is one to ask the next provider for; then this one rests. */
  #goesOn(provider: Provider, { statusCode = 502, headers }: IncomingMessage): boolean {
    const seconds = Number(headers['retry-after'] ?? Number.NaN);
    const retryAfter = seconds >= 0 ? seconds * 1000 : undefined;
    const json = /^application\/json\b/i.test(headers['content-type'] ?? '');
    const rest = restAfter({ kind: 'answered', status: statusCode, json, retryAfter });
    if (rest === undefined) this.#restsUntil.delete(idOf(provider));
    else this.#restsUntil.set(idOf(provider), this.#options.clock.monotonic() + rest);
    return rest !== undefined;
  }
}
