import { describe, expect, it } from 'vitest';
import { oneLine, table } from './table.ts';

const columns = [
  { name: 'NAME', cell: ({ name }: { name: string }) => name },
  { name: 'SIZE', cell: ({ name }: { name: string }) => String(name.length), wide: true as const },
  { name: 'TEXT', cell: ({ name }: { name: string }) => (name === 'ada' ? '' : 'some text') },
];

describe('a table', () => {
  it('aligns its columns, shows what is not known as a dash and ends no line with spaces', () => {
    expect(table(columns, [{ name: 'ada' }, { name: 'grace' }])).toBe(
      'NAME    TEXT\nada     -\ngrace   some text\n',
    );
  });

  it('has more columns when it is asked to be wide', () => {
    expect(table(columns, [{ name: 'ada' }], true)).toBe('NAME   SIZE   TEXT\nada    3      -\n');
  });

  it('counts wide characters as the terminal does', () => {
    expect(table(columns, [{ name: '日本' }, { name: 'abcd' }])).toBe(
      'NAME   TEXT\n日本   some text\nabcd   some text\n',
    );
  });

  it('keeps a cell on its line, and from steering the terminal', () => {
    expect(oneLine('first\nsecond\x1b[2J')).toBe('first ⏎ second [2J');
    expect(oneLine('abcdef', 4)).toBe('abc…');
  });
});
