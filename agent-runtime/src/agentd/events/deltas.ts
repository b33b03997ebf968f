type Listener = (session: string, text: string) => void;

/** Pieces of text as the model says them. Nobody keeps them: the whole answer becomes an entry. */
export class Deltas {
  readonly #listeners = new Set<Listener>();

  send(session: string, text: string): void {
    for (const listener of this.#listeners) listener(session, text);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
