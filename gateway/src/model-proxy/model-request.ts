import { z } from 'zod';
import { Refusal } from '../http/refusal.ts';

/** What counts and limits need of a request; the rest is the provider's business. */
const messagesRequest = z.looseObject({
  model: z.string().min(1).max(200),
  max_tokens: z.int().min(1).max(10_000_000),
});
const countRequest = messagesRequest.omit({ max_tokens: true });

export interface ModelRequest {
  model: string;
  /** The most that the answer may have. */
  maxTokens: number;
}

/** @throws Refusal `invalid` in the words of the API. */
export function readModelRequest(body: Buffer, charged: boolean): ModelRequest {
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch {
    throw new Refusal('invalid', 'The body is not valid JSON.');
  }
  const read = (charged ? messagesRequest : countRequest).safeParse(json);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new Refusal('invalid', `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
  }
  const { model, max_tokens: maxTokens } = read.data as { model: string; max_tokens?: number };
  return { model, maxTokens: maxTokens ?? 0 };
}
