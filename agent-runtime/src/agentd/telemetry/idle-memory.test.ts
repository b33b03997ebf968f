import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RuntimeState } from '../../protocol/state.ts';
import { giveMemoryBack } from './idle-memory.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A board whose state is told by hand. */
function board() {
  let tell: (state: RuntimeState) => void = () => undefined;
  const subscribe = (listener: (state: RuntimeState) => void) => {
    tell = listener;
    return () => undefined;
  };
  return { subscribe, busy: (busy: boolean) => tell({ busy } as RuntimeState) };
}

it('memory is given back once after work, when nothing has begun meanwhile', () => {
  const collect = vi.fn();
  const { busy, ...state } = board();
  giveMemoryBack(state, collect);
  busy(false);
  vi.advanceTimersByTime(60_000);
  expect(collect).not.toHaveBeenCalled();
  busy(true);
  busy(false);
  busy(true);
  vi.advanceTimersByTime(60_000);
  expect(collect).not.toHaveBeenCalled();
  busy(false);
  busy(false);
  vi.advanceTimersByTime(60_000);
  expect(collect).toHaveBeenCalledTimes(1);
});

it('garbage is collected for real', () => {
  const { busy, ...state } = board();
  giveMemoryBack(state);
  const before = process.memoryUsage().heapUsed;
  const garbage = Array.from({ length: 300_000 }, (_, at) => ({ at, text: `${at}` }));
  const held = process.memoryUsage().heapUsed;
  expect(garbage.splice(0)).toHaveLength(300_000);
  busy(true);
  busy(false);
  vi.advanceTimersByTime(60_000);
  expect(process.memoryUsage().heapUsed).toBeLessThan(before + (held - before) / 2);
});
