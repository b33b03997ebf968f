import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AppendLog } from '../storage/append-log.ts';
import { StorageHealth } from '../storage/health.ts';
import { EventLog } from './event-log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-events-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (atLeast = 0) => EventLog.open(join(folder, 'events.jsonl'), new StorageHealth(folder), atLeast);
const event = (n: number) => ({
  type: 'entry' as const,
  data: { session: 'main', uuid: String(n), role: 'user', summary: '' },
});

it('keeps the newest events only, and cursors go on growing by one', async () => {
  const log = await open();
  for (let n = 1; n <= 2500; n += 1) log.emit(event(n));
  await log.flush();
  expect(log.cursor).toBe(2500);
  expect(log.after(0)).toBeUndefined();
  expect(log.after(2498)?.map(({ cursor }) => cursor)).toEqual([2499, 2500]);
  expect(log.after(2501)).toBeUndefined();
  const again = await open();
  expect(again.cursor).toBe(2500);
  expect(again.after(1500)).toHaveLength(1000);
  again.emit(event(2501));
  await again.flush();
  expect(again.after(2500)?.map(({ cursor }) => cursor)).toEqual([2501]);
});

it('gathers lines of a conversation, and tells of anything else with them at once', async () => {
  // The time does not go on: what is told has not waited.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const append = vi.spyOn(AppendLog.prototype, 'append');
  try {
    const log = await open();
    const told = async (cursor: number) => {
      while (log.cursor < cursor) await new Promise((resolve) => setImmediate(resolve));
    };
    log.emit(event(1));
    log.emit(event(2));
    log.emit({ type: 'approval', data: { id: 'a', session: 'main', decision: 'pending' } });
    await told(3);
    expect(append.mock.calls.map((events) => events.length)).toEqual([3]);
    log.emit(event(4));
    vi.advanceTimersByTime(50);
    await told(4);
    // One that comes while others are written goes with them; its time passes, and the next is told all the same.
    log.emit({ type: 'approval', data: { id: 'b', session: 'main', decision: 'pending' } });
    log.emit(event(6));
    await told(6);
    vi.advanceTimersByTime(50);
    log.emit({ type: 'approval', data: { id: 'c', session: 'main', decision: 'pending' } });
    await told(7);
  } finally {
    append.mockRestore();
    vi.useRealTimers();
  }
});

it('shows an event to listeners when it is on disk, and never a cursor twice, even when the file was lost', async () => {
  const log = await open();
  const seen: number[] = [];
  log.subscribe(({ cursor }) => seen.push(cursor));
  log.emit(event(1));
  expect(seen).toEqual([]);
  await log.flush();
  expect(seen).toEqual([1]);
  await rm(join(folder, 'events.jsonl'));
  expect((await open(1)).cursor).toBe(1);
});
