import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Addresses } from './addresses.ts';
import { Dialer } from './dialer.ts';

let server: Server;
let port: number;
const taken: Socket[] = [];
beforeEach(async () => {
  server = createServer((socket) => taken.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const socket of taken.splice(0)) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const addresses = new Addresses({ deny: [], allowPrivate: [] });
const permits = (address: string) => addresses.permits(address);

/** Public addresses lead to the server here, but for 9.9.9.9, where nobody listens. */
function dialer(answers: string[][], patience = 5_000) {
  const lookUps: string[] = [];
  const dialed: string[] = [];
  const dialer = new Dialer({
    permits,
    resolve: async (host) => {
      lookUps.push(host);
      return answers[lookUps.length - 1] ?? [];
    },
    open: ({ host }) => {
      dialed.push(host);
      // At 9.9.9.10 somebody keeps silent.
      if (host === '9.9.9.10') return new Socket();
      return connect({ host: '127.0.0.1', port: host === '9.9.9.9' ? 1 : port });
    },
    patience,
  });
  return { dialer, lookUps, dialed };
}

const name = { host: 'rebinding.example', port: 443, literal: false };
const address = (host: string) => ({ host, port: 443, literal: true });
const never = new AbortController().signal;
const refusedAs = (outcome: string) => expect.objectContaining({ outcome });

describe('a destination', () => {
  it('is connected to by the address that was checked, with one look-up: what the name stands for later is nothing', async () => {
    const { dialer: it, lookUps, dialed } = dialer([['8.8.8.8'], ['10.0.0.1']]);
    (await it.dial(name, never)).destroy();
    expect({ lookUps, dialed }).toEqual({ lookUps: ['rebinding.example'], dialed: ['8.8.8.8'] });
    // The next connection is looked up and judged anew.
    await expect(it.dial(name, never)).rejects.toEqual(refusedAs('prohibited_address'));
    expect(dialed).toEqual(['8.8.8.8']);
  });

  it('is refused where its name stands for an address that is not public, and no connection is tried', async () => {
    for (const inside of [
      '10.0.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '::1',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:1',
    ]) {
      const { dialer: it, dialed } = dialer([[inside]]);
      await expect(it.dial(name, never)).rejects.toEqual(refusedAs('prohibited_address'));
      expect(dialed).toEqual([]);
    }
  });

  it('that is an address is judged like any other, without a look-up', async () => {
    const { dialer: it, lookUps, dialed } = dialer([]);
    await expect(it.dial(address('169.254.169.254'), never)).rejects.toEqual(refusedAs('prohibited_address'));
    (await it.dial(address('8.8.8.8'), never)).destroy();
    expect({ lookUps, dialed }).toEqual({ lookUps: [], dialed: ['8.8.8.8'] });
  });

  it('is reached by another of its addresses where one does not answer; the private ones are left out', async () => {
    const { dialer: it, dialed } = dialer([['10.0.0.1', '9.9.9.9', '8.8.8.8']]);
    (await it.dial(name, never)).destroy();
    expect(dialed).toEqual(['9.9.9.9', '8.8.8.8']);
  });

  it('is reached by another of its addresses where one keeps silent', async () => {
    const { dialer: it, dialed } = dialer([['9.9.9.10', '8.8.8.8']], 200);
    (await it.dial(name, never)).destroy();
    expect(dialed).toEqual(['9.9.9.10', '8.8.8.8']);
  });

  it('is said to be unreachable where none answers, and unknown where it has none', async () => {
    await expect(dialer([['9.9.9.9']]).dialer.dial(name, never)).rejects.toEqual(refusedAs('unreachable'));
    await expect(dialer([[]]).dialer.dial(name, never)).rejects.toEqual(refusedAs('unresolved'));
  });

  it('is given up in time where all of its addresses keep silent', async () => {
    const { dialer: it } = dialer([['9.9.9.10', '9.9.9.10']], 20);
    await expect(it.dial(name, never)).rejects.toThrow(/no connection/);
  });

  it('is given up where its name servers keep silent', async () => {
    const silent = new Dialer({
      permits,
      resolve: () => new Promise(() => undefined),
      patience: 20,
    });
    await expect(silent.dial(name, never)).rejects.toEqual(refusedAs('timeout'));
  });

  it('is given up where the client leaves', async () => {
    const left = new AbortController();
    const dialing = dialer([['8.8.8.8']]).dialer.dial(name, left.signal);
    left.abort(new Error('left'));
    await expect(dialing).rejects.toThrow('left');
  });
});
