import { z } from 'zod';
import { mcpServerState, mcpSignIn, mcpSignInRequest, mcpSignInResult } from '../../protocol/mcp.ts';
import type { Agent } from '../agent.ts';
import type { McpConnection } from '../mcp/connection.ts';
import { HttpError } from './error.ts';
import { type Route, route } from './route.ts';

/** What a server of somebody else may take, from discovery to token (milliseconds). */
const limitMs = 60_000;

/** MCP servers of the workspace, and people who sign in to them. */
export function mcpRoutes(agent: Agent): Route[] {
  const list = (signal = AbortSignal.timeout(limitMs)) => agent.mcp.list(signal);
  return [
    route({
      method: 'GET',
      path: '/v1/mcp/servers',
      summary: 'The MCP servers of the workspace, and how they are.',
      answers: { 200: { description: 'Servers.', schema: z.array(mcpServerState) } },
      handle: async () => ({ status: 200, body: await list() }),
    }),
    route({
      method: 'POST',
      path: '/v1/mcp/servers/:name/sign-in',
      summary: 'Begins the sign-in of a person to a server: where their browser must go.',
      body: mcpSignInRequest,
      answers: {
        200: {
          description: 'The address; none where the server wants nobody to sign in.',
          schema: mcpSignIn,
        },
      },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const server = await serverOf(agent, params);
        const begun = await said(server, () => server.beginSignIn(body.redirectUrl));
        return { status: 200, body: begun ?? {} };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/mcp/servers/:name/sign-in/complete',
      summary: 'Ends a sign-in, with what the browser came back with. The workspace keeps the token.',
      body: mcpSignInResult,
      answers: { 200: { description: 'Servers.', schema: z.array(mcpServerState) } },
      handle: async ({ params, body }) => {
        agent.mustTakeWork();
        const server = await serverOf(agent, params);
        const { code, state, issuer } = body;
        const result = await said(server, () => server.completeSignIn(code, state, issuer));
        if (result === 'unknown')
          throw new HttpError('conflict', 'There is no such sign-in, or it took too long. Begin again.');
        return { status: 200, body: await list() };
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/mcp/servers/:name/sign-in',
      summary: 'Forgets the token of a server.',
      answers: { 200: { description: 'Servers.', schema: z.array(mcpServerState) } },
      handle: async ({ params }) => {
        agent.mustTakeWork();
        const server = await serverOf(agent, params);
        if (!(await server.signOut()))
          throw new HttpError('not_found', `Nobody has signed in to ${server.server.name}.`);
        return { status: 200, body: await list() };
      },
    }),
  ];
}

async function serverOf(agent: Agent, { name = '' }: Record<string, string>): Promise<McpConnection> {
  const found = await agent.mcp.find(name, AbortSignal.timeout(limitMs));
  if (found !== undefined) return found;
  throw new HttpError('not_found', `There is no MCP server ${name} that this workspace may use.`);
}

/** What a server, or its authorization server, answers is theirs to explain. */
async function said<T>({ server }: McpConnection, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new HttpError(
      'unavailable',
      `${server.name} did not take the sign-in: ${(error as Error).message}`,
    );
  }
}
