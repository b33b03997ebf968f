import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { ToolFailure } from '../tool-failure.ts';

/** Bytes of a request's body: room for the largest file that Write takes, in JSON. */
const maxBodyBytes = 32 * 1024 * 1024;

/** Reads the JSON body of a request. Throws {@link ToolFailure} `too_large` or `invalid`, with the field that is wrong. */
export async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const chunks: Buffer[] = [];
  // Before anything is read: leaving the loop below closes the connection, and the sentence would not arrive.
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return parse(schema, parseJson(Buffer.concat(chunks).toString('utf8')), 'the request');
}

function tooLarge(): ToolFailure {
  return new ToolFailure('too_large', `the request has more than ${maxBodyBytes} bytes`);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text);
  } catch (error) {
    throw new ToolFailure('invalid', `the request is not JSON: ${String(error)}`, { cause: error });
  }
}

/** Parses what came from outside. `what` names it in the sentence of the failure. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
  throw new ToolFailure('invalid', `${what} is not valid: ${issues.slice(0, 5).join('; ')}`);
}
