import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Refusal } from '../../http/refusal.ts';
import type { CredentialUse } from './credential-use.ts';

const kinds = ['input', 'output', 'cache_read', 'cache_write'] as const;

/** What Prometheus reads of the model proxy. Names are part of the interface; no label tells of a workspace. */
export class ModelMetrics {
  readonly #registry: Registry;
  readonly #requests: Counter<'route' | 'code'>;
  readonly #tokens: Counter<'class' | 'kind'>;
  readonly #cost: Counter<'class'>;
  readonly #refusals: Counter<'reason'>;
  readonly #asked: Histogram<'provider' | 'code'>;
  readonly #lost: Counter;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#requests = new Counter({
      name: 'dormouse_gateway_model_requests_total',
      help: 'Requests of workspaces by route and HTTP status; 499 is a client that left.',
      labelNames: ['route', 'code'],
      registers,
    });
    this.#tokens = new Counter({
      name: 'dormouse_gateway_model_tokens_total',
      help: 'Tokens by class and kind: input, output, cache_read, cache_write.',
      labelNames: ['class', 'kind'],
      registers,
    });
    this.#cost = new Counter({
      name: 'dormouse_gateway_model_cost_total',
      help: 'What calls cost by class, in the currency of its prices.',
      labelNames: ['class'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'dormouse_gateway_model_refusals_total',
      help: 'Requests that the gateway itself refused, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#asked = new Histogram({
      name: 'dormouse_gateway_model_upstream_seconds',
      help: 'Until a provider began its answer, by host and HTTP status (none: it did not answer).',
      labelNames: ['provider', 'code'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
    this.#lost = new Counter({
      name: 'dormouse_gateway_model_unsettled_total',
      help: 'Calls whose count could not be written, so that they are charged as reserved.',
      registers,
    });
  }

  /** @param reason the gateway's word, where it has one of its own */
  ended(
    { route, status, class: className, usage }: CredentialUse,
    refusal: Refusal | undefined,
    reason?: string,
  ): void {
    this.#requests.inc({ route, code: String(status) });
    if (refusal !== undefined) this.#refusals.inc({ reason: reason ?? refusal.code });
    if (usage === undefined || className === undefined) return;
    const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens } = usage;
    for (const [index, tokens] of [inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens].entries())
      this.#tokens.inc({ class: className, kind: kinds[index] as (typeof kinds)[number] }, tokens);
    this.#cost.inc({ class: className }, usage.cost / 1_000_000);
  }

  asked(provider: string, code: string, seconds: number): void {
    this.#asked.observe({ provider, code }, seconds);
  }

  lost(): void {
    this.#lost.inc();
  }

  /** `dormouse_gateway_model_open_requests` and `dormouse_gateway_model_body_bytes`, read when Prometheus asks. */
  watch(proxy: { readonly open: number; readonly bodies: number }): void {
    new Gauge({
      name: 'dormouse_gateway_model_open_requests',
      help: 'Requests of workspaces under way.',
      registers: [this.#registry],
      collect() {
        this.set(proxy.open);
      },
    });
    new Gauge({
      name: 'dormouse_gateway_model_body_bytes',
      help: 'Bodies of requests that are held in memory.',
      registers: [this.#registry],
      collect() {
        this.set(proxy.bodies);
      },
    });
  }
}
