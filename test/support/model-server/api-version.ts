/** What the versions of the API differ in, as far as this server goes. */
import { invalid } from './api-error.ts';
import { blocksOf } from './conversation.ts';
import type { MessagesRequest } from './request.ts';

const versions = ['2023-06-01', '2026-10-21'] as const;
export type ApiVersion = (typeof versions)[number];

/** The version of a request, from its header `anthropic-version`. Throws {@link ApiError} 400. */
export function apiVersion(header: string | undefined): ApiVersion {
  if (header === undefined) throw invalid('anthropic-version: header is required');
  const version = versions.find((known) => known === header);
  if (version === undefined) throw invalid(`anthropic-version: "${header}" is not a valid version`);
  return version;
}

/** 2026-10-21 took three things away, by its migration guide. Throws {@link ApiError} 400 for what is still sent. */
export function checkVersion(request: MessagesRequest, version: ApiVersion): void {
  if (version === '2023-06-01') return;
  for (const removed of ['temperature', 'top_p', 'top_k'] as const) {
    if (request[removed] !== undefined) throw invalid(`${removed}: Extra inputs are not permitted`);
  }
  request.messages.forEach((message, at) => {
    blocksOf(message).forEach((block, index) => {
      const place = `messages.${at}.content.${index}`;
      if (message.role === 'assistant' && block.type === 'document') {
        throw invalid(`${place}: \`document\` blocks are not allowed in \`assistant\` messages`);
      }
      if (message.role === 'user' && block.type === 'text' && (block.citations?.length ?? 0) > 0) {
        throw invalid(`${place}.citations: citations are not allowed in \`user\` messages`);
      }
    });
  });
}
