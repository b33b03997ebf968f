import type { AgentWorkspace } from '@dormouse/crds';
import type { EventNote } from '@dormouse/operator/telemetry';
import { describe, expect, it } from 'vitest';
import { FirstRefusals } from './first-refusals.ts';

function refusals() {
  let now = 0;
  const notes: EventNote[] = [];
  const first = new FirstRefusals({
    recorder: { record: (_object, note) => void notes.push(note) },
    clock: { now: () => now },
  });
  const note = (host: string, uid = 'uid-1', port = 443) =>
    first.note({ metadata: { name: 'home', uid } } as AgentWorkspace, { host, port, literal: false }, host);
  return { note, notes, later: (hours: number) => (now += hours * 3_600_000) };
}

describe('the Events about what a workspace was refused', () => {
  it('are one a destination and a workspace', () => {
    const { note, notes } = refusals();
    for (let time = 0; time < 5; time += 1) note('a.example');
    note('a.example', 'uid-1', 80);
    note('a.example', 'uid-2');
    expect(notes.map(({ about }) => about)).toEqual(['a.example:443', 'a.example:80', 'a.example:443']);
  });

  it('come again a day later', () => {
    const { note, notes, later } = refusals();
    note('a.example');
    later(23);
    note('a.example');
    expect(notes).toHaveLength(1);
    later(1);
    note('a.example');
    expect(notes).toHaveLength(2);
  });

  it('are few, however many names an agent tries', () => {
    const { note, notes } = refusals();
    for (let name = 0; name < 1_000; name += 1) note(`${name}.example`);
    expect(notes).toHaveLength(20);
    note('a.example', 'uid-2');
    expect(notes).toHaveLength(21);
  });

  it('are forgotten of the workspace that is known the longest where there are very many', () => {
    const { note, notes } = refusals();
    for (let workspace = 0; workspace <= 10_000; workspace += 1) note('a.example', `uid-${workspace}`);
    const before = notes.length;
    note('a.example', 'uid-10000');
    expect(notes).toHaveLength(before);
    note('a.example', 'uid-0');
    expect(notes).toHaveLength(before + 1);
  });
});
