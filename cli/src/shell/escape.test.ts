import { describe, expect, it } from 'vitest';
import { Escape } from './escape.ts';

/** What goes on of keys that come in these parts, and what was told in the end. */
function typed(...parts: string[]) {
  const escapes = new Escape();
  let passed = '';
  for (const part of parts) {
    const { pass, told } = escapes.push(Buffer.from(part));
    passed += pass.toString();
    if (told !== undefined) return [passed, told];
  }
  return [passed, undefined];
}

describe('the escape of a shell', () => {
  it('is heard at the beginning of a line, whole or key by key', () => {
    expect(typed('~.')).toEqual(['', 'detach']);
    expect(typed('ls\r~.rest')).toEqual(['ls\r', 'detach']);
    expect(typed('ls\r', '~', '.')).toEqual(['ls\r', 'detach']);
    expect(typed('\n~?')).toEqual(['\n', 'help']);
  });

  it('is what it is anywhere else', () => {
    expect(typed('a~.')).toEqual(['a~.', undefined]);
    expect(typed('~', '/bin')).toEqual(['~/bin', undefined]);
    expect(typed('~~.')).toEqual(['~.', undefined]);
    expect(typed('~a~.')).toEqual(['~a~.', undefined]);
  });

  it('leaves bytes that are no text as they are', () => {
    const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x0d, 0xe2]);
    expect(new Escape().push(bytes).pass).toEqual(bytes);
  });
});
