import type { ToolsEvent } from '../../protocol/tools-api.ts';
import type { NdjsonStream } from './ndjson.ts';

/** Those who follow `GET /events`. Each is told what changes from the moment it came. */
export class Listeners {
  readonly #streams = new Set<NdjsonStream>();

  add(stream: NdjsonStream): void {
    if (stream.gone.aborted) return;
    this.#streams.add(stream);
    stream.gone.addEventListener('abort', () => this.#streams.delete(stream), { once: true });
    stream.open();
  }

  tell(event: ToolsEvent): void {
    for (const stream of this.#streams) stream.push(event);
  }
}
