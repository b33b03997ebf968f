import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readListing } from './bucket-listing.ts';

const read = (...chunks: string[]) =>
  readListing(Readable.from(chunks.map((each) => Buffer.from(each))) as IncomingMessage);
const name = 'a'.repeat(64);
const entry = (key: string, size: string) =>
  `<Contents><Key>${key}</Key><LastModified>2026-11-28</LastModified><Size>${size}</Size></Contents>`;
const page = (inside: string) =>
  `<?xml version="1.0"?><ListBucketResult xmlns="x">${inside}</ListBucketResult>`;

describe('a list of objects', () => {
  it('has the last part of each key, where that is a hash', async () => {
    const text = page(
      `<IsTruncated>false</IsTruncated>${entry(`p/t/w/u/data/aa/${name}`, '12')}${entry('p/t/w/u/data/readme', '1')}${entry(`p/${name}`, 'x')}`,
    );
    expect(await read(text.slice(0, 100), text.slice(100))).toEqual({
      files: [{ name, size: 12 }],
      next: undefined,
    });
  });

  it('says where it goes on', async () => {
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>';
    expect((await read(page(more))).next).toBe('a&b=');
    await expect(read(page('<IsTruncated>true</IsTruncated>'))).rejects.toThrow('breaks off');
  });

  it('is refused where it is something else, or without an end', async () => {
    await expect(read('<html>')).rejects.toThrow('does not answer with a list');
    await expect(read(...Array.from({ length: 50 }, () => 'x'.repeat(100_000)))).rejects.toThrow('too long');
  });
});
