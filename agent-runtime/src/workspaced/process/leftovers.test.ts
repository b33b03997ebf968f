import { expect, test } from 'vitest';
import { leftovers } from './leftovers.ts';
import type { ProcessEntry } from './table.ts';

function entry(pid: number, parent: number, uid = 1000): ProcessEntry {
  return { pid, parent, uid, group: pid, session: pid, state: 'S', startTime: 1 };
}

test('a daemon is left over; the first process, we, our parents and other users are not', () => {
  const table = [
    entry(1, 0),
    entry(5, 1),
    entry(7, 5),
    entry(20, 1),
    entry(21, 7),
    entry(30, 0),
    entry(31, 1, 0),
  ];
  expect(leftovers(table, 7, 1000).map(({ pid }) => pid)).toEqual([20, 21, 30]);
});
