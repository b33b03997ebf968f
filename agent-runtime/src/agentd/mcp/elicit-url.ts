import { z } from 'zod';

/** Characters of a URL, which is shown whole or not at all, and of what the server says beside it. */
const limits = { url: 1_200, message: 400 };
/** Servers of 2025-11-25 refuse a call with this, until somebody has been where they say. */
const urlRequired = -32042;

const wanted = z.looseObject({ mode: z.literal('url'), message: z.string(), url: z.string() });
const refusal = z.looseObject({ elicitations: z.array(wanted).min(1).max(4) });

/**
 * How a person is sent to a URL: they are shown where it leads, open it themselves on their own machine, and say that they are done, or
 * decline. Nothing is fetched from here. What is ours comes first, so that nothing the server says can stand in its place. Throws with why
 * it is not shown.
 */
export function urlQuestion(server: string, { message, url }: { message: string; url?: unknown }): string {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || parsed.protocol !== 'https:')
    throw new Error('people are sent to URLs with https only');
  // What stands before an @ looks like a host, and is none.
  if (parsed.username !== '' || parsed.password !== '')
    throw new Error('nobody is sent to a URL that holds a name or a password');
  if (parsed.href.length > limits.url)
    throw new Error(
      `a URL that people are sent to has at most ${limits.url} characters, and this one ${parsed.href.length}`,
    );
  return `The MCP server ${server} sends you to the host ${parsed.host}: ${parsed.href} - open it yourself if you trust that host, and allow this when you are done there, or deny it. The server says: ${message.slice(0, limits.message)}`;
}

/** Where a server that refused a call wants somebody to go before it is made again. Undefined: it refused for something else. */
export function urlsWanted(error: unknown): Record<string, unknown>[] | undefined {
  const { code, data } = (error ?? {}) as { code?: unknown; data?: unknown };
  return code === urlRequired ? refusal.safeParse(data).data?.elicitations : undefined;
}
