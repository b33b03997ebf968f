import type { RuntimeState } from '../../protocol/state.ts';
import { backoff } from './backoff.ts';
import { classify, type ModelFailure } from './failure.ts';
import type { Model, ModelAnswer, ModelRequest } from './model-client.ts';
import { withSummaryRequest } from './summary-request.ts';

export type ModelProblem = NonNullable<RuntimeState['modelProblem']>;

/** A request that the provider would refuse again; the message fails with it. */
export class ModelRefused extends Error {
  override readonly name = 'ModelRefused';
  readonly failure: ModelFailure;

  constructor(failure: ModelFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export interface Attempts {
  signal: AbortSignal;
  onText: (text: string) => void;
  /** A failure that will be tried again. */
  onFailure: (failure: ModelFailure) => void;
}

/** A conversation in short: the block that the API made of it, or an answer in words where it makes none. */
export interface Summary {
  kind: 'block' | 'text';
  answer: ModelAnswer;
}

/**
 * A model that is asked until it answers. An outage, a limit or a wrong credential is not the message's fault: it stays
 * Working, the problem is in the state, and it goes on when the provider does. `nudge` ends a wait at once.
 */
export class PatientModel {
  #problem: ModelProblem | undefined;
  /** The provider has refused to summarize on demand: the model is asked for it in words until the configuration changes. */
  #summarizesInWords = false;
  /** Models that have refused an effort, each with it, and have answered without: asked without until the configuration changes. */
  readonly #effortless = new Set<string>();
  readonly #model: Model;
  readonly #onChange: () => void;
  readonly #waiting = new Set<() => void>();

  constructor(model: Model, onChange: () => void) {
    this.#model = model;
    this.#onChange = onChange;
  }

  get problem(): ModelProblem | undefined {
    return this.#problem;
  }

  /** The configuration or the credential is new: what was refused may be accepted now. */
  nudge(): void {
    this.#summarizesInWords = false;
    this.#effortless.clear();
    for (const wake of [...this.#waiting]) wake();
  }

  /** `request` is made anew for each attempt, so that a change of the configuration counts. Rejects with `ModelRefused` or the signal's reason. */
  async answer(request: () => ModelRequest, attempts: Attempts): Promise<ModelAnswer> {
    let asked = request();
    const asWanted = () => {
      asked = request();
      return this.#effortless.has(effortOf(asked)) ? withoutEffort(asked) : asked;
    };
    try {
      return await this.#insist(asWanted, attempts);
    } catch (error) {
      const refused = error instanceof ModelRefused && mayBeForEffort(error.failure);
      if (!refused || asked.effort === undefined || this.#effortless.has(effortOf(asked))) throw error;
      // Which levels there are is the model's business; one that it does not know must not end the work.
      const answer = await this.#insist(() => withoutEffort(request()), attempts);
      this.#effortless.add(effortOf(asked));
      return answer;
    }
  }

  async #insist(request: () => ModelRequest, { signal, onText, onFailure }: Attempts): Promise<ModelAnswer> {
    for (let failures = 0; ; failures += 1) {
      try {
        const answer = await this.#model.stream(request(), { signal, onText, retries: failures });
        this.#set(undefined);
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        const failure = classify(error, Date.now());
        this.#set(failure);
        if (!failure.retryable) throw new ModelRefused(failure);
        onFailure(failure);
        await this.#wait(backoff(failure, failures + 1, Math.random()), signal);
      }
    }
  }

  /** A summary of the conversation of `request`. Rejects as `answer` does. */
  async summary(
    request: () => ModelRequest,
    instructions: string | undefined,
    attempts: Attempts,
  ): Promise<Summary> {
    if (!this.#summarizesInWords) {
      const compaction = instructions === undefined ? {} : { instructions };
      try {
        const answer = await this.answer(() => ({ ...request(), compaction }), attempts);
        return { kind: 'block', answer };
      } catch (error) {
        if (!(error instanceof ModelRefused) || error.failure.gateway !== undefined) throw error;
        this.#summarizesInWords = true;
      }
    }
    const answer = await this.answer(() => withSummaryRequest(request(), instructions), attempts);
    return { kind: 'text', answer };
  }

  #set(failure: ModelFailure | undefined): void {
    if (failure === undefined && this.#problem === undefined) return;
    const since = this.#problem?.since ?? new Date().toISOString();
    const { reason, status, message, gateway } = failure ?? {};
    this.#problem =
      reason === undefined
        ? undefined
        : {
            reason,
            message: message ?? '',
            from: gateway === undefined ? 'provider' : 'gateway',
            since,
            ...(status !== undefined && { status }),
          };
    this.#onChange();
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const wake = () => finish(resolve);
      const abort = () => finish(() => reject(signal.reason));
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}

function effortOf({ model, effort }: ModelRequest): string {
  return `${model} ${effort}`;
}

function withoutEffort({ effort: _, ...request }: ModelRequest): ModelRequest {
  return request;
}

/** Providers say it in their own words, so any refusal of a request for its form may be one of its effort. */
function mayBeForEffort({ gateway, status }: ModelFailure): boolean {
  return gateway === undefined && (status === 400 || status === 422);
}
