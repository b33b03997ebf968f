import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineWindow } from './read.ts';

test('a window of lines is the same however the file is cut into chunks', () => {
  const line = fc.stringMatching(/^[ab]{0,4}$/);
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.boolean(),
      fc.nat(9),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 5 }),
      (lines, ended, skip, take, size) => {
        const text = lines.join('\n') + (ended ? '\n' : '');
        const whole = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
        const window = new LineWindow(skip, take, 1_000);
        for (let at = 0; at < text.length; at += size) window.add(Buffer.from(text.slice(at, at + size)));
        expect(window.total).toBe(whole.length);
        expect(window.text()).toBe(whole.slice(skip, skip + take).join(''));
        expect(window.truncated).toBe(whole.length > skip + take);
      },
    ),
  );
});
