import { createSocket, type Socket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nameServers } from './resolve.ts';

const codes = { found: 0, broken: 2, absent: 3 };
const types = { A: 1, AAAA: 28 };

/** A name server that knows what it is told, by `TYPE NAME`; of the rest it says that it does not exist. */
const records = new Map<string, { address: number[] } | 'broken'>();
const asked: string[] = [];
let server: Socket;
let resolve: (host: string) => Promise<string[]>;

beforeEach(async () => {
  server = createSocket('udp4').on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const labels: string[] = [];
    for (let at = 12; query[at] !== 0; at += (query[at] ?? 0) + 1)
      labels.push(query.toString('latin1', at + 1, at + 1 + (query[at] ?? 0)));
    const type = query.readUInt16BE(end - 4) === types.A ? 'A' : 'AAAA';
    const name = labels.join('.').toLowerCase();
    asked.push(`${type} ${name}`);
    const record = records.get(`${type} ${name}`);
    const address = typeof record === 'object' ? Buffer.from(record.address) : undefined;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    const code = record === 'broken' ? codes.broken : address === undefined ? codes.absent : codes.found;
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(address === undefined ? 0 : 1, 6);
    const answer =
      address === undefined
        ? []
        : [Buffer.from([0xc0, 12, 0, types[type], 0, 1, 0, 0, 0, 60, 0, address.length]), address];
    server.send(Buffer.concat([header, query.subarray(12, end), ...answer]), from.port, from.address);
  });
  await new Promise<void>((bound) => server.bind(0, '127.0.0.1', bound));
  resolve = nameServers([`127.0.0.1:${server.address().port}`]);
});
afterEach(async () => {
  records.clear();
  asked.length = 0;
  await new Promise<void>((closed) => server.close(closed));
});

describe('a name', () => {
  it('stands for its addresses of both kinds, IPv4 first', async () => {
    records.set('A two.example', { address: [8, 8, 8, 8] });
    records.set('AAAA two.example', { address: [0x26, 6, 0x47, 0, ...Array(11).fill(0), 1] });
    expect(await resolve('two.example')).toEqual(['8.8.8.8', '2606:4700::1']);
  });

  it('stands for those of one kind where it has no others, even where nobody can say', async () => {
    records.set('A one.example', { address: [8, 8, 8, 8] });
    records.set('AAAA one.example', 'broken');
    expect(await resolve('one.example')).toEqual(['8.8.8.8']);
  });

  it('is asked for whole, without a search list', async () => {
    expect(await resolve('kubernetes')).toEqual([]);
    expect(new Set(asked)).toEqual(new Set(['A kubernetes', 'AAAA kubernetes']));
  });

  it('is not said to be absent where its servers cannot say', async () => {
    records.set('A broken.example', 'broken');
    await expect(resolve('broken.example')).rejects.toMatchObject({
      outcome: 'unresolved',
      message: expect.stringContaining('DNS does not answer about broken.example'),
    });
  });
});
