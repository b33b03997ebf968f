import { fileRead } from '../../protocol/agent-api.ts';
import type { Agent } from '../agent.ts';
import { HttpError } from './error.ts';
import { type Route, route } from './route.ts';

/** Lines of one answer. */
const most = 10_000;

/** Files of the workspace, as its tools read them. */
export function fileRoutes(agent: Agent): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/files',
      summary: 'Lines of a text file of the workspace.',
      query: {
        path: 'Absolute, or relative to the home.',
        offset: 'Lines to pass over.',
        limit: `Lines to send; 2000 unless given, at most ${most}.`,
      },
      answers: { 200: { description: 'The lines.', schema: fileRead } },
      handle: async ({ query }) => {
        const path = query.get('path') ?? '';
        if (path === '') throw new HttpError('invalid', 'path must name a file.');
        const offset = wholeNumber('offset', query.get('offset') ?? '0');
        const limit = Math.min(Math.max(1, wholeNumber('limit', query.get('limit') ?? '2000')), most);
        return { status: 200, body: await agent.files.read(path, offset, limit) };
      },
    }),
  ];
}

export function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new HttpError('invalid', `${name} must be a whole number.`);
  return Number(text);
}
