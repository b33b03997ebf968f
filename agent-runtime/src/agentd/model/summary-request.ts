import type { ApiMessage } from '../session/conversation.ts';
import type { ModelRequest } from './model-client.ts';

/** What the model is asked where the API makes no summaries. */
export function withSummaryRequest(request: ModelRequest, instructions: string | undefined): ModelRequest {
  const notes = [
    '<system-reminder>',
    'The conversation gets too long for the context window. Your answer takes its place: whoever goes on with the work will know only that. Write, as briefly as completeness allows: what was asked for, in the words that matter; what was done, found and decided, with paths, commands, names and numbers; what is under way and its next step; what must not be forgotten. Call no tools.',
    ...(instructions === undefined ? [] : [`Above all: ${instructions}`]),
    '</system-reminder>',
  ].join('\n');
  const ask = { type: 'text', text: `${notes}\nSummarize the conversation.` };
  const last = request.messages.at(-1);
  const messages: ApiMessage[] =
    last?.role === 'user'
      ? [...request.messages.slice(0, -1), { ...last, content: [...last.content, ask] }]
      : [...request.messages, { role: 'user', content: [ask] }];
  return { ...request, messages };
}
