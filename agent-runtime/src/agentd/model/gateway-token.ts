import { readFileSync } from 'node:fs';
import type { Bearer } from './model-client.ts';

/** The token in a file that the kubelet renews long before it expires. Read for each request, at once: it lies in memory. */
export class GatewayToken implements Bearer {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Rejects where there is none; the request is then tried again, as with any gateway that cannot be reached. */
  async read(): Promise<string> {
    try {
      const token = readFileSync(this.#path, 'utf8').trim();
      if (token !== '') return token;
    } catch (error) {
      throw new Error(`the token for the gateway cannot be read from ${this.#path}`, { cause: error });
    }
    throw new Error(`the token for the gateway in ${this.#path} is empty`);
  }
}
