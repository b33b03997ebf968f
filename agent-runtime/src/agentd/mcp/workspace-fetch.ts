import { Readable } from 'node:stream';
import { reasonHeader } from '../../protocol/gateway.ts';
import { mcpRelayPath } from '../../protocol/mcp.ts';
import { outboundAnswer } from '../../protocol/pipes.ts';
import type { Bearer } from '../model/model-client.ts';
import { type ToolsClient, ToolsUnavailable } from '../tools/tools-client.ts';

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Bytes of the first line of an answer. */
const maxHeadBytes = 1024 * 1024;
const nullBody = new Set([101, 204, 205, 304]);

/**
 * `fetch`, as far as the MCP SDK uses it, carried out by workspaced: with the workspace's way out of the network and no other.
 * agentd itself connects to nothing. No redirect is followed here.
 */
export function workspaceFetch(client: ToolsClient): Fetch {
  return async (url, init = {}) => {
    const { method = 'GET', signal } = init;
    const head = { method, url: String(url), headers: [...new Headers(init.headers ?? {})] };
    const body = bodyOf(init.body);
    const { answer } = await client.converse('/outbound', head, {
      body,
      // How long an answer may take is the caller's to say: it aborts.
      timeoutMs: 0,
      ...(signal ? { signal } : {}),
    });
    const { status, headers, rest } = await readHead(answer);
    const stream = nullBody.has(status) ? null : (Readable.toWeb(answer) as ReadableStream<Uint8Array>);
    if (stream === null) answer.resume();
    else if (rest.length > 0) answer.unshift(rest);
    const response = new Response(stream, { status: status < 200 ? 502 : status, headers });
    // The SDK compares it to where it asked.
    Object.defineProperty(response, 'url', { value: String(url) });
    return response;
  };
}

/** The same, carried out by the gateway for the MCP server of that name: with headers that only the gateway knows. */
export function gatewayFetch(server: string, baseUrl: () => string, bearer: Bearer): Fetch {
  return relayFetch(`${mcpRelayPath}${encodeURIComponent(server)}`, baseUrl, bearer);
}

/** `fetch` of a path of the gateway, whatever the URL: it knows what is asked for. Rejects with its own words, where it gives some. */
export function relayFetch(path: string, baseUrl: () => string, bearer: Bearer): Fetch {
  return async (_url, init = {}) => {
    const headers = new Headers(init.headers ?? {});
    headers.set('authorization', `Bearer ${await bearer.read()}`);
    const answer = await fetch(new URL(path, baseUrl()), { ...init, headers, redirect: 'manual' });
    if (answer.headers.get(reasonHeader) === null) return answer;
    // The gateway's own words, and not the server's: nobody is to sign in, or come back later, because of them.
    const { error } = (await answer.json()) as { error?: { message?: string } };
    throw new Error(error?.message ?? `the gateway answered ${answer.status}`);
  };
}

function bodyOf(body: RequestInit['body']): string {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('a body of this kind is not sent from the workspace');
}

async function readHead(answer: Readable) {
  let line = Buffer.alloc(0);
  for await (const chunk of answer.iterator({ destroyOnReturn: false })) {
    line = Buffer.concat([line, chunk as Buffer]);
    const end = line.indexOf(10);
    if (end < 0 && line.length > maxHeadBytes) break;
    if (end < 0) continue;
    const parsed = outboundAnswer.safeParse(parseJson(line.subarray(0, end).toString('utf8')));
    if (!parsed.success) break;
    return { ...parsed.data, rest: line.subarray(end + 1) };
  }
  answer.destroy();
  throw new ToolsUnavailable('the tools gave an answer that is not of their API', true);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No answer of the API; the caller says so.
    return undefined;
  }
}
