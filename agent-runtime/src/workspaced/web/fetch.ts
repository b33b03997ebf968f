import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { z } from 'zod';
import type { fetchRequest, fetchResult } from '../../protocol/tools-api.ts';
import { ToolFailure } from '../tool-failure.ts';
import { readable } from './readable.ts';

export interface WebContext {
  /** Where the proxy to the outside stands: the gateway's, which lets through what the class allows. */
  environment: NodeJS.ProcessEnv;
  /** Certificates that are trusted besides those of the system. */
  ca?: string;
}

/** Bytes of a page that are read, unpacked; milliseconds for all of it; redirects that are followed. */
const most = { bytes: 3_000_000, ms: 30_000, redirects: 5 };
const headers = {
  'user-agent': 'Claude-User (Dormouse workspace)',
  accept: 'text/markdown, text/html;q=0.9, text/plain;q=0.8, */*;q=0.5',
  'accept-encoding': 'gzip, br, deflate',
};
const redirects = [301, 302, 303, 307, 308];

/** Fetches a page and makes text of it. A redirect to another host is not followed: whether it may be asked is decided anew. */
export async function fetchPage(
  { url }: z.infer<typeof fetchRequest>,
  context: WebContext,
  signal: AbortSignal,
): Promise<z.infer<typeof fetchResult>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(most.ms)]);
  let at = new URL(url);
  for (let followed = 0; followed <= most.redirects; followed += 1) {
    const response = await ask(at, context, limit).catch((error: unknown) => {
      throw failure(at, error, limit);
    });
    const { statusCode: status = 0, headers: said } = response;
    const location = redirects.includes(status) ? said.location : undefined;
    if (location === undefined) return read(response, at, status, limit);
    response.destroy();
    const next = URL.canParse(location, at) ? new URL(location, at) : undefined;
    if (next === undefined || !['http:', 'https:'].includes(next.protocol))
      throw new ToolFailure(
        'invalid',
        `${at.href} redirects to ${location.slice(0, 500)}, which cannot be fetched`,
      );
    if (!sameSite(at, next)) return { status, url: at.href, redirect: next.href, text: '', truncated: false };
    at = next;
  }
  throw new ToolFailure('invalid', `${url} redirects more than ${most.redirects} times`);
}

function ask(url: URL, { environment, ca }: WebContext, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // The agent takes the proxy, and the exceptions from it, out of the environment.
    const settings = { proxyEnv: environment, ...(ca !== undefined && { ca }) };
    const outgoing =
      url.protocol === 'https:'
        ? request(url, { agent: new Agent(settings), headers, signal })
        : plainRequest(url, { agent: new PlainAgent(settings), headers, signal });
    outgoing.on('response', resolve);
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function read(
  response: IncomingMessage,
  url: URL,
  status: number,
  signal: AbortSignal,
): Promise<z.infer<typeof fetchResult>> {
  const type = response.headers['content-type'] ?? '';
  const chunks: Buffer[] = [];
  let bytes = 0;
  let truncated = false;
  try {
    for await (const chunk of unpacked(response) as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, most.bytes - bytes));
      bytes += chunk.length;
      if (bytes <= most.bytes) continue;
      truncated = true;
      break;
    }
  } catch (error) {
    throw failure(url, error, signal);
  } finally {
    response.destroy();
  }
  const page = readable(Buffer.concat(chunks), type);
  if (page === undefined)
    throw new ToolFailure(
      'invalid',
      `${url.href} answered ${status} with ${type.slice(0, 100) || 'no type'}, which is no text: fetch it with curl in Bash`,
    );
  // The proxy's own word, not the page's: the model need not read it for somebody.
  if (status >= 400 && response.headers['proxy-status'] !== undefined)
    throw new ToolFailure('io', `${url.href} could not be fetched: ${page.text.trim().slice(0, 2_000)}`);
  return { status, url: url.href, text: page.text, truncated: truncated || page.truncated };
}

function unpacked(response: IncomingMessage): AsyncIterable<unknown> {
  const how = response.headers['content-encoding']?.toLowerCase();
  if (how === 'gzip' || how === 'x-gzip') return response.pipe(createGunzip());
  if (how === 'br') return response.pipe(createBrotliDecompress());
  return how === 'deflate' ? response.pipe(createInflate()) : response;
}

/** With or without `www.`, as many sites send from one to the other. */
function sameSite(a: URL, b: URL): boolean {
  const bare = ({ host }: URL) => host.replace(/^www\./, '');
  return bare(a) === bare(b);
}

function failure(url: URL, error: unknown, signal: AbortSignal): ToolFailure {
  const { message } = error instanceof Error ? error : { message: String(error) };
  const why =
    signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError'
      ? `it took longer than ${most.ms / 1000} seconds`
      : /\b403\b/.test(message)
        ? `${message}: the class of the workspace does not let it reach this host`
        : message;
  return new ToolFailure('io', `${url.href} could not be fetched: ${why}`, { cause: error });
}
