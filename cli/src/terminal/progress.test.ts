import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { progress } from './progress.ts';

function on(terminal: boolean, env = {}) {
  const clock = new FakeClock();
  let written = '';
  const err = (text: string) => {
    written += text;
  };
  const shown = progress({ err, terminal: { err: terminal, columns: 40 }, clock, env });
  return { clock, shown, written: () => written };
}

it('moves and counts on a terminal, and leaves nothing behind', async () => {
  const { clock, shown, written } = on(true);
  shown.say('waking');
  await clock.advance(3_000);
  expect(written()).toContain('⠋ waking 0s');
  expect(written()).toContain('waking 2s');
  shown.end();
  expect(written().endsWith('\r\x1b[2K')).toBe(true);
  expect(clock.pending).toBe(0);
});

it('is silent anywhere else, but for what is to stay', async () => {
  for (const { shown, written } of [on(false), on(true, { TERM: 'dumb' })]) {
    shown.say('waking');
    shown.note('a tool call waits for approval');
    shown.end();
    expect(written()).toBe('a tool call waits for approval\n');
  }
});
