import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Refusal } from '../http/refusal.ts';
import { Meter, tooLarge } from '../limits/index.ts';
import type { ArchiveAdmission } from './archive-door.ts';
import { type ArchiveTarget, objectKey } from './archive-request.ts';
import { askBucket, type BucketQuestion } from './bucket.ts';
import type { CredentialReader } from './bucket-credentials.ts';
import { readListing } from './bucket-listing.ts';
import { HashCheck } from './hash-check.ts';

/** Bytes of one file: restic makes packs of 16 MiB and somewhat more. */
const longestFile = 64 << 20;
const longestConfig = 64 << 10;
const listType = 'application/vnd.x.restic.rest.v2';

export interface ArchiveExchange {
  request: IncomingMessage;
  response: ServerResponse;
  signal: AbortSignal;
}

type Ask = (question: Omit<BucketQuestion, 'signal'>) => Promise<IncomingMessage>;

/** Serves restic's REST protocol out of a bucket. What is not what its name says, a hash, is not stored. */
export class ArchiveStore {
  readonly #credentials: Pick<CredentialReader, 'read'>;

  constructor(credentials: Pick<CredentialReader, 'read'>) {
    this.#credentials = credentials;
  }

  /** @throws Refusal, the signal's reason; KubeError where the credentials cannot be read now. */
  async serve(admission: ArchiveAdmission, { request, response, signal }: ArchiveExchange): Promise<void> {
    const { asked, bucket } = admission;
    const { target } = asked;
    const credentials = await this.#credentials.read(bucket, admission.class.metadata.name);
    const ask: Ask = (question) => askBucket(bucket, credentials, { ...question, signal });
    const key = objectKey(asked, bucket.prefix);
    switch (request.method) {
      case 'GET':
        if (target.is === 'list') return list(key, ask, response);
        if (target.is !== 'repository') return read(key, ask, request, response, signal);
        break;
      case 'HEAD':
        if (target.is === 'config' || target.is === 'object') {
          // The first question of restic: an answer to GET says why where it is refused.
          const answer = await ask({ method: target.is === 'config' ? 'GET' : 'HEAD', key });
          answer.resume();
          response.writeHead(200, { 'content-length': answer.headers['content-length'] ?? '0' }).end();
          return;
        }
        break;
      case 'POST':
        if (target.is === 'repository') return done(response);
        if (target.is !== 'list') {
          const stored = await ask({ method: 'PUT', key, body: await bodyOf(target, request) });
          stored.resume();
          return done(response);
        }
        break;
      case 'DELETE':
        // Whole repositories are not deleted here.
        if (target.is === 'object') {
          const gone = await ask({ method: 'DELETE', key });
          gone.resume();
          return done(response);
        }
    }
    throw new Refusal('method_not_allowed', 'Nothing of that kind can be asked for of archives.');
  }
}

function done(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': 0 }).end();
}

async function read(
  key: string,
  ask: Ask,
  { headers }: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { range } = headers;
  if (range !== undefined && !/^bytes=[0-9]{1,15}-[0-9]{0,15}$/.test(range))
    throw new Refusal('invalid', 'A range must be bytes=FIRST-LAST.');
  const answer = await ask({ method: 'GET', key, ...(range === undefined ? {} : { range }) });
  const length = answer.headers['content-length'];
  response.writeHead(answer.statusCode ?? 200, {
    'content-type': 'application/octet-stream',
    ...(length === undefined ? {} : { 'content-length': length }),
  });
  await pipeline(answer, response, { signal });
}

async function list(prefix: string, ask: Ask, response: ServerResponse): Promise<void> {
  const files: { name: string; size: number }[] = [];
  let token: string | undefined;
  do {
    const query: [string, string][] = [
      ...(token === undefined ? [] : [['continuation-token', token] as [string, string]]),
      ['list-type', '2'],
      ['prefix', prefix],
    ];
    const page = await readListing(await ask({ method: 'GET', key: '', query }));
    files.push(...page.files);
    token = page.next;
  } while (token !== undefined);
  const text = JSON.stringify(files);
  response.writeHead(200, { 'content-type': listType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** What is named by its hash passes through; the one file that is not is read first. */
async function bodyOf(
  target: ArchiveTarget,
  request: IncomingMessage,
): Promise<NonNullable<BucketQuestion['body']>> {
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (target.is === 'object') {
    if (!Number.isSafeInteger(length)) throw new Refusal('invalid', 'A file takes a Content-Length.');
    if (length > longestFile) throw tooLarge(longestFile);
    const checked = new HashCheck(target.name);
    request.once('error', (error) => checked.destroy(error));
    return { stream: request.pipe(checked), length, sha256: target.name };
  }
  const chunks: Buffer[] = [];
  const meter = new Meter(longestConfig, () => undefined);
  for await (const chunk of request.pipe(meter) as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { stream: Readable.from([bytes]), length: bytes.length, sha256 };
}
