import { z } from 'zod';
import {
  exitMessage,
  resizeMessage,
  terminalList,
  terminalRequest,
  terminalState,
} from '../../protocol/terminals.ts';
import type { Agent } from '../agent.ts';
import { HttpError } from './error.ts';
import { type Route, route } from './route.ts';

/** Pseudo-terminals of the workspace. */
export function terminalRoutes(agent: Agent): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/terminals',
      summary: 'Starts a command, or a login shell, on a new pseudo-terminal.',
      body: terminalRequest,
      answers: {
        201: { description: 'It is open. Its first output waits 10 s for a client.', schema: terminalState },
      },
      handle: async ({ body }) => {
        agent.mustTakeWork();
        return { status: 201, body: await agent.terminals.open(body) };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/terminals',
      summary: 'The terminals that are open.',
      answers: { 200: { description: 'Terminals.', schema: terminalList } },
      handle: async () => ({ status: 200, body: { terminals: await agent.terminals.list() } }),
    }),
    route({
      method: 'GET',
      path: '/v1/terminals/:id',
      summary: 'A WebSocket (subprotocol dormouse.terminal.v1) that shows a terminal, its last output first.',
      answers: {
        101: {
          description:
            'Binary messages: what is typed, what is shown. Text messages, as JSON: `resize` from the client, `exit` to it.',
          schema: z.union([resizeMessage, exitMessage]),
        },
      },
      handle: () => {
        throw new HttpError('invalid', 'A terminal is a WebSocket: ask for an upgrade.', undefined, 426);
      },
      upgrade: async ({ params, request, socket, head }) => {
        agent.mustTakeWork();
        await agent.terminals.attach(params.id ?? '', request, socket, head);
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/terminals/:id',
      summary: 'Hangs up: HUP to all that runs on the terminal, then KILL.',
      answers: { 204: { description: 'All of it has ended.', mediaType: 'text/plain' } },
      handle: async ({ params, response }) => {
        await agent.terminals.end(params.id ?? '');
        response.writeHead(204).end();
        return undefined;
      },
    }),
  ];
}
