import { createHash } from 'node:crypto';
import { Agent as HttpAgent, type IncomingMessage, request as openHttp } from 'node:http';
import { Agent as HttpsAgent, request as openHttps } from 'node:https';
import type { Readable } from 'node:stream';
import aws4 from 'aws4';
import { whenConnected } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';
import type { BucketCredentials, BucketSpec } from './bucket-credentials.ts';

/** One request to a bucket. */
export interface BucketQuestion {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** The key of an object, or empty for the bucket. Of characters that no URL escapes. */
  key: string;
  /** Sorted, as it is to be signed. */
  query?: [name: string, value: string][];
  range?: string;
  /** With its length and its SHA-256 in hex: the bucket refuses what is not that. */
  body?: { stream: Readable; length: number; sha256: string };
  signal: AbortSignal;
}

const kept = { keepAlive: true, maxFreeSockets: 32, timeout: 60_000 };
const agents = { 'http:': new HttpAgent(kept), 'https:': new HttpsAgent(kept) };
const nothing = createHash('sha256').update('').digest('hex');
/** Milliseconds until the server takes a connection. */
const patience = 5_000;
/** Bytes of an error that are read. */
const longestError = 16_384;

/**
 * Asks a bucket. Resolves with the head of an answer that is none of an error; the body must be read or destroyed.
 *
 * @throws Refusal: `forbidden` for what a person has to mend, `not_found` for an object that is not there, `bad_gateway` and
 * `unavailable` for what may pass; the signal's reason.
 */
export async function askBucket(
  bucket: BucketSpec,
  credentials: BucketCredentials,
  question: BucketQuestion,
): Promise<IncomingMessage> {
  const answer = await send(bucket, credentials, question);
  const status = answer.statusCode ?? 502;
  if (status >= 200 && status < 300) return answer;
  throw refusalOf(bucket, question, status, codeOf(await beginning(answer)));
}

function send(
  { endpoint, region, bucket }: BucketSpec,
  credentials: BucketCredentials,
  { method, key, query = [], range, body, signal }: BucketQuestion,
): Promise<IncomingMessage> {
  const { protocol, host, hostname, port } = new URL(endpoint);
  const asked = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  const path = `/${bucket}/${key}${asked.length === 0 ? '' : `?${asked.join('&')}`}`;
  const { headers } = aws4.sign(
    {
      ...{ service: 's3', region, method, host, path },
      headers: {
        'x-amz-content-sha256': body?.sha256 ?? nothing,
        ...(range === undefined ? {} : { range }),
        ...(body === undefined ? {} : { 'content-length': String(body.length) }),
      },
    },
    credentials,
  );
  const secure = protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const upstream = (secure ? openHttps : openHttp)({
    ...{ protocol, hostname, port, path, method, signal },
    headers: headers as Record<string, string>,
    agent: agents[secure ? 'https:' : 'http:'],
  });
  whenConnected(upstream, patience, () => {
    if (body === undefined) upstream.end();
    else body.stream.pipe(upstream);
  });
  body?.stream.once('error', (error) => upstream.destroy(error));
  upstream.once('response', resolve);
  upstream.on('error', (error: Error) => {
    body?.stream.unpipe(upstream);
    if (signal.aborted) reject(signal.reason);
    else if (error instanceof Refusal) reject(error);
    else reject(new Refusal('bad_gateway', `The bucket's server ${host} was not reached: ${error.message}.`));
  });
  return promise;
}

async function beginning(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    // Leaving the loop destroys the stream.
    if (text.length > longestError) break;
  }
  return text;
}

/** The word of an S3 error. A HEAD has none. */
function codeOf(text: string): string | undefined {
  return /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1];
}

function refusalOf(
  { bucket, endpoint, region, credentialsSecretRef }: BucketSpec,
  { method, key }: BucketQuestion,
  status: number,
  code: string | undefined,
): Refusal {
  const { host } = new URL(endpoint);
  const said = `${host} answered ${status}${code === undefined ? '' : ` ${code}`}`;
  if (code === 'NoSuchBucket')
    return new Refusal('forbidden', `There is no bucket ${bucket} at ${host} (${code}): create it.`);
  if (status === 404) return new Refusal('not_found', 'There is no such object.');
  if (status === 401 || status === 403)
    return new Refusal(
      'forbidden',
      `${said} to a ${method} in bucket ${bucket}: the key in Secret ${credentialsSecretRef.name} must be one that may read, write, delete and list there.`,
    );
  if (status >= 300 && status < 400)
    return new Refusal(
      'forbidden',
      `${said}: bucket ${bucket} is not in region ${region}, or not at this endpoint.`,
    );
  if (status === 503 || status === 429 || status >= 500)
    return new Refusal('unavailable', `${said} to a ${method} in bucket ${bucket}.`, { 'retry-after': '2' });
  return new Refusal('bad_gateway', `${said} to ${method} ${key}.`);
}
