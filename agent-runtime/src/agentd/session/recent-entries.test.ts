import { describe, expect, it } from 'vitest';
import type { TranscriptEntry } from './entry.ts';
import { RecentEntries } from './recent-entries.ts';

const entry = (uuid: string) => ({ uuid }) as TranscriptEntry;
const placed = (...offsets: number[]) => offsets.map((offset) => ({ entry: entry(`${offset}`), offset }));
const uuids = (entries: TranscriptEntry[] | undefined) => entries?.map(({ uuid }) => uuid);

describe('the end of a transcript', () => {
  it('is kept from one turn to the next, with what was written since', () => {
    const recent = new RecentEntries();
    expect(recent.since(0)).toBeUndefined();
    recent.add(entry('nobody reads'), 50);
    recent.keep(placed(100, 200), 100, 300);
    recent.add(entry('300'), 300);
    expect(uuids(recent.since(100))).toEqual(['100', '200', '300']);
    expect(uuids(recent.since(200))).toEqual(['200', '300']);
    expect(uuids(recent.since(400))).toEqual([]);
  });

  it('has no line twice that was read before anybody was told of it', () => {
    const recent = new RecentEntries();
    recent.keep(placed(0, 100), 0, 200);
    recent.add(entry('again'), 100);
    expect(uuids(recent.since(0))).toEqual(['0', '100']);
  });

  it('does not answer for what came before it', () => {
    const recent = new RecentEntries();
    recent.keep(placed(100), 100, 200);
    expect(recent.since(99)).toBeUndefined();
    recent.startAt(200);
    expect(recent.since(100)).toBeUndefined();
    expect(recent.since(200)).toEqual([]);
  });

  it('is given up where it is large, and when it is told to', () => {
    const recent = new RecentEntries();
    recent.keep(placed(0), 0, 2 ** 21);
    expect(recent.since(0)).toBeUndefined();
    recent.keep(placed(0), 0, 100);
    recent.add(entry('far'), 2 ** 21);
    expect(recent.since(0)).toBeUndefined();
    recent.keep(placed(0), 0, 100);
    recent.forget();
    expect(recent.since(0)).toBeUndefined();
  });
});
