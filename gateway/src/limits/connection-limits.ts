import { Refusal } from '../http/refusal.ts';

/** Requests, streams and sockets that are open at the same time, counted by who holds them. */
export class ConnectionLimits {
  readonly #limits: Record<'user' | 'workspace', number>;
  readonly #open = new Map<string, number>();

  constructor(limits: Record<'user' | 'workspace', number>) {
    this.#limits = limits;
  }

  /**
   * Counts one more until the returned function is called.
   * @throws Refusal `too_many`
   */
  enter(user: string, workspace: string): () => void {
    const held = [
      { key: `user ${user}`, limit: this.#limits.user },
      { key: `workspace ${workspace}`, limit: this.#limits.workspace },
    ];
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
