import type { IncomingMessage } from 'node:http';
import { Refusal } from '../http/refusal.ts';

/** One page of what a bucket has below a prefix. */
export interface ListingPage {
  files: { name: string; size: number }[];
  /** Where the next page begins; undefined: this is the last. */
  next: string | undefined;
}

/** Bytes of a page: a thousand keys of some 200 bytes, with what is said of each. */
const longestPage = 4 << 20;

/** Reads the XML of a ListObjectsV2. Of keys only the last part counts, and only where it is a SHA-256, as all names here are. */
export async function readListing(answer: IncomingMessage): Promise<ListingPage> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestPage) throw new Refusal('bad_gateway', "The bucket's list of objects is too long.");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  if (!text.includes('<ListBucketResult'))
    throw new Refusal('bad_gateway', "The bucket's server does not answer with a list of objects.");
  const files = [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].flatMap(([, entry = '']) => {
    const name = /<Key>[^<]*\/([0-9a-f]{64})<\/Key>/.exec(entry)?.[1];
    const bytes = /<Size>([0-9]{1,15})<\/Size>/.exec(entry)?.[1];
    return name === undefined || bytes === undefined ? [] : [{ name, size: Number(bytes) }];
  });
  const more = /<IsTruncated>true<\/IsTruncated>/.test(text);
  const token = /<NextContinuationToken>([^<]{1,1024})<\/NextContinuationToken>/.exec(text)?.[1];
  if (more && token === undefined)
    throw new Refusal(
      'bad_gateway',
      "The bucket's list of objects breaks off without saying how it goes on.",
    );
  return { files, next: more ? unescaped(token ?? '') : undefined };
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => entities[name] ?? '');
}
