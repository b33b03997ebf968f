import type { IncomingMessage } from 'node:http';
import { type Clock, delay } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import {
  type Context,
  defaultTextMapGetter,
  type Span as OwnSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Attributes, Span, Tracing, TracingOptions } from './tracing.ts';

/** Milliseconds that the collector gets to take a batch, and what is left in the end. */
const patience = 3_000;
/** Milliseconds for which spans are gathered. */
const interval = 1_000;
/** Spans that wait to be sent, and that are sent at once. Those beyond are dropped. */
const queue = { longest: 2_048, batch: 512 };
/** Characters of one attribute: a path may have 16 KiB. */
const longestAttribute = 1_024;

const propagator = new W3CTraceContextPropagator();

/** Sends spans to a collector by OTLP over HTTP, as JSON. No request waits for it. */
export class OpenTelemetry implements Tracing {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;
  readonly #clock: Clock;

  constructor({ endpoint, ratio, identity, clock, log }: TracingOptions & { endpoint: string }) {
    this.#clock = clock;
    this.#provider = new TracerProvider({
      resource: defaultResource().merge(
        resourceFromAttributes({ 'service.name': 'dormouse-gateway', 'service.instance.id': identity }),
      ),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanLimits: { attributeValueLengthLimit: longestAttribute },
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: new CandidExporter(endpoint, log),
          maxQueueSize: queue.longest,
          maxExportBatchSize: queue.batch,
          scheduledDelayMillis: interval,
          exportTimeoutMillis: patience,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer('dormouse-gateway');
  }

  serve({ method = '', url = '', headers }: IncomingMessage): Span {
    const path = url.split('?', 1)[0] as string;
    const attributes = { 'http.request.method': method, 'url.path': path };
    const parent = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    return begin(this.#tracer, method, { attributes, kind: SpanKind.SERVER }, parent);
  }

  async close(): Promise<void> {
    const closed = new AbortController();
    // What cannot be sent was warned of.
    const sent = this.#provider.shutdown().catch(() => undefined);
    await Promise.race([sent, delay(this.#clock, patience, closed.signal)]);
    closed.abort();
  }
}

function begin(tracer: Tracer, name: string, options: Parameters<Tracer['startSpan']>[1], parent: Context) {
  const span = tracer.startSpan(name, options, parent);
  return new TracedSpan(tracer, span, trace.setSpan(parent, span));
}

class TracedSpan implements Span {
  readonly #tracer: Tracer;
  readonly #span: OwnSpan;
  readonly #context: Context;

  constructor(tracer: Tracer, span: OwnSpan, context: Context) {
    this.#tracer = tracer;
    this.#span = span;
    this.#context = context;
  }

  get recording(): boolean {
    return this.#span.isRecording();
  }

  child(name: string, attributes: Attributes = {}): Span {
    return begin(this.#tracer, name, { attributes }, this.#context);
  }

  rename(name: string): void {
    if (this.recording) this.#span.updateName(name);
  }

  set(attributes: Attributes): void {
    if (this.recording) this.#span.setAttributes(attributes);
  }

  event(name: string): void {
    if (this.recording) this.#span.addEvent(name);
  }

  fail(code: string): void {
    if (!this.recording) return;
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    this.#span.setAttribute('error.type', code);
  }

  end(): void {
    if (this.recording) this.#span.end();
  }

  headers(): string[] {
    const headers: Record<string, string> = {};
    propagator.inject(this.#context, headers, {
      set: (carrier, name, value) => {
        carrier[name] = value;
      },
    });
    return Object.entries(headers).flat();
  }
}

/** Says once that the collector does not take what it is sent, and when it does again. */
class CandidExporter implements SpanExporter {
  readonly #exporter: OTLPTraceExporter;
  readonly #endpoint: string;
  readonly #log: Logger;
  #failing = false;

  constructor(endpoint: string, log: Logger) {
    this.#exporter = new OTLPTraceExporter({
      url: tracesUrl(endpoint),
      timeoutMillis: patience,
      concurrencyLimit: queue.longest / queue.batch,
    });
    this.#endpoint = endpoint;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      this.#tell(result);
      done(result);
    });
  }

  #tell({ code, error }: ExportResult): void {
    const failing = code !== ExportResultCode.SUCCESS;
    if (failing === this.#failing) return;
    this.#failing = failing;
    const endpoint = this.#endpoint;
    if (failing)
      this.#log.warn(
        { endpoint, error: reasonOf(error) },
        'the collector takes no traces: they are dropped until it does; see --trace-endpoint',
      );
    else this.#log.info({ endpoint }, 'the collector takes traces again');
  }

  forceFlush(): Promise<void> {
    return this.#exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }
}

/** An attempt at several addresses of one name fails with a code and no message. */
function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  return error?.message || String(error?.code ?? 'no answer in time');
}

/** Where a collector takes traces, as the protocol has it: below its base URL. */
function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`;
  return url.href;
}
