import type { IncomingMessage } from 'node:http';
import type { Clock } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { ClientLeft } from '../http/client-left.ts';
import { Refusal } from '../http/refusal.ts';

/** What is told of a piece of work; names are those of OpenTelemetry where it has one. Never a header, a token or a body. */
export type Attributes = Record<string, string | number>;

/** A piece of work: when it began and ended, what was seen meanwhile, and what it is a part of. */
export interface Span {
  /** Whether anybody will read it. What costs something to find out is not looked for otherwise. */
  readonly recording: boolean;
  child(name: string, attributes?: Attributes): Span;
  rename(name: string): void;
  set(attributes: Attributes): void;
  event(name: string): void;
  /** @param code of a refusal, or of few values */
  fail(code: string): void;
  /** What is told of it after that is not heard. */
  end(): void;
  /** By what the next server joins the trace: names of headers and values in turn. */
  headers(): string[];
}

/** Where spans go. */
export interface Tracing {
  /** Begins the span of a request, within the trace that its `traceparent` names. */
  serve(request: IncomingMessage): Span;
  /** Sends what is left, for a few seconds at most. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** The base URL of a collector that speaks OTLP over HTTP; undefined: nothing is traced. */
  endpoint: string | undefined;
  /** Of the traces that begin here, from 0 to 1; what a client began is traced where the client says so. */
  ratio: number;
  /** This replica. */
  identity: string;
  clock: Clock;
  log: Logger;
}

/** The span that nobody reads. */
export const noSpan: Span = {
  recording: false,
  child: () => noSpan,
  rename: () => undefined,
  set: () => undefined,
  event: () => undefined,
  fail: () => undefined,
  end: () => undefined,
  headers: () => [],
};

const noTracing: Tracing = { serve: () => noSpan, close: async () => undefined };

/** Nothing of OpenTelemetry is loaded unless there is somewhere to send to. */
export async function openTracing({ endpoint, ...options }: TracingOptions): Promise<Tracing> {
  if (endpoint === undefined) return noTracing;
  const { OpenTelemetry } = await import('./open-telemetry.ts');
  return new OpenTelemetry({ endpoint, ...options });
}

/** Carries something out as a part of `span`, which fails with it. */
export async function within<T>(span: Span, name: string, work: (child: Span) => Promise<T>): Promise<T> {
  const child = span.child(name);
  try {
    return await work(child);
  } catch (error) {
    child.fail(failureOf(error));
    throw error;
  } finally {
    child.end();
  }
}

/** Of few values, and nothing of what was said. */
export function failureOf(error: unknown): string {
  if (error instanceof Refusal) return error.code;
  if (error instanceof ClientLeft) return 'left';
  return error instanceof Error ? error.name : 'unknown';
}
