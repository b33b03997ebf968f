import type { ServerResponse } from 'node:http';
import type { ToolFailure, ToolFailureCode } from '../tool-failure.ts';

const statuses: Record<ToolFailureCode, number> = {
  invalid: 400,
  is_directory: 400,
  outside_home: 403,
  not_found: 404,
  not_unique: 409,
  no_match: 409,
  changed: 409,
  conflict: 409,
  dump_failed: 409,
  too_large: 413,
  limit: 429,
  io: 500,
  unreachable: 502,
  stopping: 503,
};

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

/** Answers with the failure, as `toolError`. */
export function sendFailure(response: ServerResponse, { code, message }: ToolFailure): void {
  sendJson(response, statuses[code], { error: { code, message } });
}
