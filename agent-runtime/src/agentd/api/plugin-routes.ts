import { z } from 'zod';
import { pluginDetail } from '../../protocol/plugins.ts';
import type { Agent } from '../agent.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { HttpError } from './error.ts';
import { type Route, route } from './route.ts';

/** What fetching some of them may take (milliseconds). */
const limitMs = 60_000;

/** Plugins of the workspace. */
export function pluginRoutes(agent: Agent): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/plugins',
      summary: 'The plugins of the workspace, how they are, and what each brings.',
      answers: { 200: { description: 'Plugins.', schema: z.array(pluginDetail) } },
      handle: async () => {
        try {
          return { status: 200, body: await agent.plugins.describe(AbortSignal.timeout(limitMs)) };
        } catch (error) {
          if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
          throw new HttpError('unavailable', `The files of plugins cannot be read: ${error.message}.`);
        }
      },
    }),
  ];
}
