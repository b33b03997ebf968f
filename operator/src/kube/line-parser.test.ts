import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonLines, StreamFormatError } from './line-parser.ts';

describe('JSON lines', () => {
  it('gives the same values however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.integer({ min: 1, max: 9 })), (values, cuts) => {
        const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
        const seen: unknown[] = [];
        const lines = new JsonLines((value) => seen.push(value));
        let at = 0;
        for (let n = 0; at < bytes.length; n++) {
          const next = at + (cuts[n % (cuts.length || 1)] ?? 3);
          lines.push(bytes.subarray(at, next));
          at = next;
        }
        expect(seen).toEqual(values.map((value) => JSON.parse(JSON.stringify(value))));
        expect(lines.unfinished).toBe(false);
      }),
    );
  });

  it('refuses a line that never ends before it fills the memory', () => {
    const lines = new JsonLines(() => undefined, 1000);
    lines.push(Buffer.alloc(900, 'x'));
    expect(() => lines.push(Buffer.alloc(200, 'x'))).toThrow(StreamFormatError);
  });

  it('says what was not JSON, and steps over empty lines', () => {
    const seen: unknown[] = [];
    const lines = new JsonLines((value) => seen.push(value));
    lines.push(Buffer.from('1\n\n\r\n2\n'));
    expect(seen).toEqual([1, 2]);
    expect(() => lines.push(Buffer.from('<html>\n'))).toThrow('not JSON: "<html>"');
  });
});
