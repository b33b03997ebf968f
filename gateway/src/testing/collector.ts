import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as OTLP has it in JSON. */
interface SentSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  events: { name: string }[];
  status: { code: number; message?: string };
}

interface Batch {
  resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[];
}

/** A server that takes traces by OTLP over HTTP, as JSON. */
export class Collector implements AsyncDisposable {
  /** Paths and bodies as they came. */
  readonly batches: { path: string; body: string }[] = [];
  /** Answers in place of `200 {}`. */
  onBatch: ((response: ServerResponse) => void) | undefined;
  readonly #server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.batches.push({ path: request.url ?? '', body: Buffer.concat(chunks).toString() });
    if (this.onBatch !== undefined) this.onBatch(response);
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  static async start(): Promise<Collector> {
    const collector = new Collector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get spans(): SentSpan[] {
    return this.batches.flatMap(({ body }) =>
      (JSON.parse(body) as Batch).resourceSpans.flatMap((each) =>
        each.scopeSpans.flatMap(({ spans }) => spans),
      ),
    );
  }

  /** The span of that name, with what is told of it. @throws where it has not come yet */
  span(name: string) {
    const found = this.spans.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no span ${name}: ${this.spans.map((each) => each.name)}`);
    const { attributes, events, status, ...ids } = found;
    return {
      ...ids,
      told: Object.fromEntries(
        attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]),
      ),
      events: events.map((each) => each.name),
      /** The code of a failure. */
      failure: status.code === 2 ? status.message : undefined,
    };
  }

  /** The names of what belongs to a span, in the order in which it ended. */
  childrenOf({ spanId }: { spanId: string }): string[] {
    return this.spans.filter((each) => each.parentSpanId === spanId).map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
