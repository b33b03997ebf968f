import { once } from 'node:events';
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';

export interface JsonPost {
  url: string;
  body: string;
  /** Milliseconds for the whole. */
  timeoutMs: number;
  /** `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, as programs read them: the way out. */
  proxies: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
}

/** Bytes of an answer; one that is longer is refused. */
const maxAnswerBytes = 1024 * 1024;

/** The text of an answer. Throws where there is too much of it. */
export async function boundedText({ body }: { body: AsyncIterable<Uint8Array> | null }): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) throw new Error(`the answer has more than ${maxAnswerBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Sends JSON and reads the whole answer. Redirects are answers like others. Rejects with an `Error` in plain words, or the signal's reason. */
export async function postJson(post: JsonPost): Promise<{ status: number; body: string }> {
  const { url, body, proxies, signal } = post;
  const limit = AbortSignal.timeout(post.timeoutMs);
  const options = {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    },
    signal: AbortSignal.any([signal, limit]),
  };
  const host = new URL(url).host;
  try {
    const { Agent, request } = url.startsWith('https:')
      ? await import('node:https')
      : { Agent: PlainAgent, request: plainRequest };
    const sent = request(url, { ...options, agent: new Agent({ proxyEnv: proxies }) });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: await boundedText({ body: response }) };
  } catch (error) {
    signal.throwIfAborted();
    if (limit.aborted)
      throw new Error(`${host} did not answer within ${post.timeoutMs} ms`, { cause: error });
    throw new Error(`${host} could not be asked: ${(error as Error).message}`, { cause: error });
  }
}
