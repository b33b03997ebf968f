import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { ToolFailure } from '../tool-failure.ts';
import { parse, parseJson } from './body.ts';

/** Bytes of the first line. */
const maxBytes = 1024 * 1024;

/**
 * Reads the first line of a request's body, as JSON. What follows stays in the request, to be read by the caller. Throws
 * {@link ToolFailure} `invalid` or `too_large`.
 */
export async function readHeadLine<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  let line = Buffer.alloc(0);
  // Leaving the loop must leave the request as it is.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes = chunk as Buffer;
    const end = bytes.indexOf(10);
    line = Buffer.concat([line, end < 0 ? bytes : bytes.subarray(0, end)]);
    if (line.length > maxBytes)
      throw new ToolFailure('too_large', `the first line of the request has more than ${maxBytes} bytes`);
    if (end < 0) continue;
    if (end + 1 < bytes.length) request.unshift(bytes.subarray(end + 1));
    return parse(schema, parseJson(line.toString('utf8')), 'the first line of the request');
  }
  throw new ToolFailure('invalid', 'the request ended before its first line did');
}
