import { type CollectRequest, type CollectResult, collectResults } from '../../protocol/tools-api.ts';
import type { ToolsClient } from './tools-client.ts';

interface Waiting {
  request: CollectRequest;
  resolve: (result: CollectResult) => void;
  reject: (error: unknown) => void;
}

/**
 * Reads files of the workspace. What a turn asks for in the same moment (settings, instructions, skills, subagents) is one request: five
 * took 5 ms where one takes 2 (2026-11).
 */
export class Collector {
  readonly #call: ToolsClient['call'];
  /** What is asked for in this moment, by whose signal it is. */
  readonly #waiting = new Map<AbortSignal, Waiting[]>();

  constructor(call: ToolsClient['call']) {
    this.#call = call;
  }

  collect(request: CollectRequest, signal: AbortSignal): Promise<CollectResult> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(signal) ?? [];
      waiting.push({ request, resolve, reject });
      if (waiting.length > 1) return;
      this.#waiting.set(signal, waiting);
      setImmediate(() => void this.#send(signal));
    });
  }

  async #send(signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.get(signal) ?? [];
    this.#waiting.delete(signal);
    try {
      const requests = waiting.map(({ request }) => request);
      const whole = collectResults.refine(({ results }) => results.length === requests.length);
      const { results } = await this.#call('POST', '/files/collect', { requests }, whole, { signal });
      for (const [index, result] of results.entries()) waiting[index]?.resolve(result);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
