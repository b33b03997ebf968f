import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { z } from 'zod';

export interface RouteCall {
  /** Values of `:name` in the path, decoded. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** The parsed body; undefined where the route takes none. */
  body: unknown;
  request: IncomingMessage;
  response: ServerResponse;
}

/** A call that asks for another protocol on its connection. */
export interface UpgradeCall extends Pick<RouteCall, 'params' | 'request'> {
  socket: Duplex;
  /** What the client sent behind its request. */
  head: Buffer;
}

/** What a handler answers: JSON, or nothing where it wrote the response itself. */
export type RouteAnswer = { status: number; body: unknown } | undefined;

/** One operation of the API; the router serves it and the OpenAPI document describes it from the same words. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** `/v1/sessions/:id/fork`. */
  path: string;
  summary: string;
  /** Without a key: only what a probe needs. */
  open?: boolean;
  query?: Record<string, string>;
  body?: z.ZodType;
  /** Status to its schema; a string is a media type that is no JSON. */
  answers: Record<number, { description: string; schema?: z.ZodType; mediaType?: string }>;
  handle(call: RouteCall): Promise<RouteAnswer> | RouteAnswer;
  /** Takes the connection over where the request asks for that. What it throws is answered. */
  upgrade?(call: UpgradeCall): Promise<void>;
}

/** A route whose handler knows the type of its body. */
export function route<Body extends z.ZodType>(
  definition: Omit<Route, 'handle' | 'body'> & {
    body?: Body;
    handle(call: Omit<RouteCall, 'body'> & { body: z.output<Body> }): Promise<RouteAnswer> | RouteAnswer;
  },
): Route {
  return definition as Route;
}
