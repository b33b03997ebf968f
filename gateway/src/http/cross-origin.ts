import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a path takes of a page of another origin, in the words of CORS. */
export interface CrossOriginTerms {
  methods: readonly string[];
  headers: readonly string[];
}

/** Seconds for which a browser need not ask again. */
const maxAge = 600;

/** The origin of the page that made a browser send this; undefined where there is none, or it is not one of `allowed`. */
export function pageOf(
  { origin }: IncomingMessage['headers'],
  allowed: ReadonlySet<string>,
): string | undefined {
  return origin !== undefined && allowed.has(origin) ? origin : undefined;
}

/**
 * Lets a page read the answer, whatever it will be. Nothing is said of credentials: the token comes by a header that the page
 * itself sets, so that `*` stands for every header and no cookie comes along.
 */
export function letPageRead(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', '*');
  response.setHeader('vary', 'origin');
}

/** Whether a browser asks what a page may send. It shows no token then. */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

/** Answers a preflight of a page that may read the answer. */
export function answerPreflight(response: ServerResponse, { methods, headers }: CrossOriginTerms): void {
  response.writeHead(204, {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': headers.join(', '),
    'access-control-max-age': String(maxAge),
  });
  response.end();
}
