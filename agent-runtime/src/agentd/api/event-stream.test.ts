import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { RuntimeState } from '../../protocol/state.ts';
import { Deltas } from '../events/deltas.ts';
import { EventLog } from '../events/event-log.ts';
import { StateBoard } from '../state/state-board.ts';
import { StorageHealth } from '../storage/health.ts';
import { streamEvents } from './event-stream.ts';

it('drops a client that does not read, rather than keep everything for it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dormouse-stream-'));
  const log = await EventLog.open(join(folder, 'events.jsonl'), new StorageHealth(folder), 0);
  const deltas = new Deltas();
  const board = new StateBoard(() => ({ busy: false }) as RuntimeState);
  let streaming: ServerResponse | undefined;
  const server = createServer((_, response) => {
    streaming = response;
    streamEvents(response, undefined, { log, board, deltas });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => client.destroy());
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(client, 'readable');
  const closed = once(streaming as ServerResponse, 'close');
  for (let sent = 0; sent < 64 && streaming?.destroyed === false; sent += 1)
    deltas.send('main', 'x'.repeat(1024 * 1024));
  await closed;
  expect(streaming?.destroyed).toBe(true);
  client.destroy();
  server.close();
  board.close();
  await rm(folder, { recursive: true });
});
