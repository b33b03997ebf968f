import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { IdleMemory } from './idle-memory.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('memory is given back once after the start, and once after work', () => {
  const [release, collect] = [vi.fn(), vi.fn()];
  const memory = new IdleMemory(release, collect);
  for (const times of [1, 2]) {
    memory.rests();
    vi.advanceTimersByTime(60_000);
    memory.rests();
    vi.advanceTimersByTime(60_000);
    expect(release).toHaveBeenCalledTimes(times);
    expect(collect).toHaveBeenCalledTimes(times);
    expect(collect).toHaveBeenCalledAfter(release);
    memory.works();
  }
});

it('and not while something has begun meanwhile', () => {
  const collect = vi.fn();
  const memory = new IdleMemory(undefined, collect);
  memory.rests();
  memory.works();
  vi.advanceTimersByTime(60_000);
  expect(collect).not.toHaveBeenCalled();
});

it('garbage is collected for real', () => {
  const memory = new IdleMemory();
  const before = process.memoryUsage().heapUsed;
  const garbage = Array.from({ length: 300_000 }, (_, at) => ({ at, text: `${at}` }));
  const held = process.memoryUsage().heapUsed;
  expect(garbage.splice(0)).toHaveLength(300_000);
  memory.rests();
  vi.advanceTimersByTime(60_000);
  expect(process.memoryUsage().heapUsed).toBeLessThan(before + (held - before) / 2);
});

it('what lies between memory of other libraries that is in use is given back', () => {
  const memory = new IdleMemory();
  const pieces = Array.from({ length: 400_000 }, () => Buffer.allocUnsafeSlow(200));
  const held = process.memoryUsage().rss;
  // The last of a hundred keeps the C library from cutting off the end of its heap.
  const kept = pieces.filter((_, at) => at % 100 === 99);
  pieces.length = 0;
  memory.rests();
  vi.advanceTimersByTime(60_000);
  expect(process.memoryUsage().rss).toBeLessThan(held - 180e6);
  expect(kept).toHaveLength(4_000);
});
