import { Refusal } from '../http/refusal.ts';

/** Requests, streams and sockets that are open at the same time, counted by who holds them: a user, a workspace. */
export class ConnectionLimits<Holder extends string> {
  readonly #limits: Record<Holder, number>;
  readonly #open = new Map<string, number>();

  constructor(limits: Record<Holder, number>) {
    this.#limits = limits;
  }

  /**
   * Counts one more for each holder until the returned function is called.
   * @throws Refusal `too_many`
   */
  enter(holders: Record<Holder, string>): () => void {
    const held = (Object.entries(holders) as [Holder, string][]).map(([holder, name]) => ({
      key: `${holder} ${name}`,
      limit: this.#limits[holder],
    }));
    for (const { key, limit } of held) {
      if ((this.#open.get(key) ?? 0) >= limit)
        throw new Refusal('too_many', `The ${key} has ${limit} connections open already. Close some.`, {
          'retry-after': '5',
        });
    }
    for (const { key } of held) this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      for (const { key } of held) {
        const left = (this.#open.get(key) ?? 1) - 1;
        if (left === 0) this.#open.delete(key);
        else this.#open.set(key, left);
      }
    };
  }
}
