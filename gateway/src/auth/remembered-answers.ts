import type { Clock } from '@dormouse/operator/kube';

export interface RememberedAnswersOptions<Answer> {
  clock: Clock;
  /** Answers kept at most. */
  limit: number;
  /** Questions under way at most: a flood of made-up tokens is no flood of the API server. */
  questions: number;
  /** Milliseconds for which an answer is good. */
  lifetime: (answer: Answer) => number;
  /** What is thrown when too many questions are under way. */
  overloaded: () => Error;
}

/**
 * Answers to questions that many requests ask: kept for some time, at most so many, the oldest going first. A question
 * that is under way is not asked a second time. Errors are told to all who wait, and not kept.
 */
export class RememberedAnswers<Answer> {
  readonly #options: RememberedAnswersOptions<Answer>;
  readonly #answers = new Map<string, { answer: Answer; until: number }>();
  readonly #asking = new Map<string, Promise<Answer>>();

  constructor(options: RememberedAnswersOptions<Answer>) {
    this.#options = options;
  }

  get size(): number {
    return this.#answers.size;
  }

  ask(key: string, question: () => Promise<Answer>): Promise<Answer> {
    const known = this.#answers.get(key);
    if (known !== undefined && known.until > this.#options.clock.monotonic())
      return Promise.resolve(known.answer);
    const asked = this.#asking.get(key);
    if (asked !== undefined) return asked;
    if (this.#asking.size >= this.#options.questions) return Promise.reject(this.#options.overloaded());
    const asking = this.#ask(key, question);
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string, question: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await question();
      this.#keep(key, answer);
      return answer;
    } finally {
      this.#asking.delete(key);
    }
  }

  #keep(key: string, answer: Answer): void {
    const { clock, limit, lifetime } = this.#options;
    this.#answers.delete(key);
    this.#answers.set(key, { answer, until: clock.monotonic() + lifetime(answer) });
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > limit && oldest !== undefined) this.#answers.delete(oldest);
  }
}
