import type { ServerResponse } from 'node:http';
import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import type { Refusal } from '../http/refusal.ts';

/** The words of the Messages API for its errors, by HTTP status. */
const types: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  405: 'invalid_request_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

/** Answers as the Messages API does, and says that it was not the provider; or breaks off an answer that has begun. */
export function answerModelError(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const error = { type: types[refusal.status] ?? 'api_error', message: refusal.message };
  const text = JSON.stringify({ type: 'error', error });
  response.writeHead(refusal.status, {
    [reasonHeader]: 'Refused',
    ...refusal.headers,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // What may be left of the body is not read, so that the connection cannot be used again.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(text);
}
