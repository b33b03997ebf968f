import type { McpServer } from '../../protocol/mcp.ts';
import { SignInWanted } from './sign-ins.ts';

/** Why a server is not connected. One that knows nobody by the token that it was shown, or by none, wants somebody to sign in. */
export function whyNot(error: unknown, { name, url, oauth }: McpServer): string {
  const { message } = error as Error;
  const refused = isUnauthorized(error) && url !== undefined && oauth?.clientSecret === undefined;
  return (refused ? new SignInWanted(name).message : message).slice(0, 2_000);
}

/** Whether a person's sign-in is what a server could be shown: no credential is declared for it. */
export function showsNoToken({ url, headers, headersHelper, byGateway, oauth }: McpServer): boolean {
  if (
    url === undefined ||
    byGateway === true ||
    headersHelper !== undefined ||
    oauth?.clientSecret !== undefined
  )
    return false;
  return !Object.keys(headers).some((name) => name.toLowerCase() === 'authorization');
}

export function isUnauthorized(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { status } = (('data' in error ? error.data : undefined) ?? {}) as { status?: unknown };
  return error.name === 'UnauthorizedError' || status === 401 || isUnauthorized(error.cause);
}

/** Its session is over, or what it was shown counts no longer. Nothing was done. */
export function isForgotten(error: unknown): boolean {
  if (!(error instanceof Error) || !('data' in error)) return false;
  const { status } = (error.data ?? {}) as { status?: unknown };
  return status === 404 || status === 401;
}

/** A server that a call was for is not there. Nothing was sent. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected';

  constructor(server: string, why: string) {
    super(`The MCP server ${server} is not connected: ${why}`);
  }
}
