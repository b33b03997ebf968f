import type { IncomingMessage } from 'node:http';
import { ApiError, invalid } from './api-error.ts';

/** The JSON of a request. Throws {@link ApiError} 413 as soon as more than `limit` bytes have come, 400 for no JSON. */
export async function readJson(request: IncomingMessage, limit: number): Promise<unknown> {
  const tooLarge = new ApiError(413, 'Request exceeds the maximum size');
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limit) throw tooLarge;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      throw invalid(`The request body is not valid JSON: ${error.message}`);
    }
    throw error;
  }
}
