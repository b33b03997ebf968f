/** Token counts: a function of the request alone, with the proportions that real ones have. */
import { blocksOf } from './conversation.ts';
import type { CountRequest } from './request.ts';

/** A prefix shorter than this is not cached, as with most models. */
const minimumCached = 1024;

/** About four bytes a token. */
export function tokens(value: unknown): number {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Math.ceil(Buffer.byteLength(text) / 4);
}

export interface InputUsage {
  /** After the last breakpoint. */
  input: number;
  cacheRead: number;
  cacheCreation: number;
}

/**
 * Nothing is remembered from one request to the next, so what "was cached" is inferred: the request before this one
 * ended where the last answer begins. What is marked up to there counts as read, the marked rest as written.
 */
export function inputUsage(request: CountRequest): InputUsage {
  const lastAnswer = request.messages.findLastIndex((message) => message.role === 'assistant');
  let total = 0;
  let marked = 0;
  let earlier = 0;
  const add = (part: object, size: number) => {
    total += size;
    if ('cache_control' in part && part.cache_control != null) marked = total;
  };
  for (const tool of request.tools ?? []) add(tool, tokens(tool));
  const system = typeof request.system === 'string' ? [{ text: request.system }] : (request.system ?? []);
  for (const block of system) add(block, tokens(block.text));
  request.messages.forEach((message, at) => {
    if (at === lastAnswer) earlier = total;
    for (const block of blocksOf(message)) add(block, tokens(block.type === 'text' ? block.text : block));
  });
  if (request.cache_control != null) marked = total;
  if (marked < minimumCached) return { input: total, cacheRead: 0, cacheCreation: 0 };
  const cacheRead = Math.min(earlier, marked);
  return { input: total - marked, cacheRead, cacheCreation: marked - cacheRead };
}

export function totalInput(usage: InputUsage): number {
  return usage.input + usage.cacheRead + usage.cacheCreation;
}
