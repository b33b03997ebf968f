import { expect, it } from 'vitest';
import { packOf } from './git-answer.ts';

const line = (text: string) =>
  `${(Buffer.byteLength(text, 'latin1') + 4).toString(16).padStart(4, '0')}${text}`;
const answer = (...parts: string[]) => Buffer.from(parts.join(''), 'latin1');

it('finds the pack behind what else is told, piece by piece', () => {
  const before = [line('shallow-info\n'), line(`shallow ${'1'.repeat(40)}\n`), '0001', line('packfile\n')];
  const pieces = [line('\u0001PACK\u00ff'), line('\u0002counting'), line('\u0001 and more'), '0000'];
  expect(packOf(answer(...before, ...pieces)).toString('latin1')).toBe('PACK\u00ff and more');
});

it('passes on what the server says is wrong', () => {
  expect(() => packOf(answer(line('ERR upload-pack: not our ref\n')))).toThrow(
    /says: upload-pack: not our ref/,
  );
  expect(() => packOf(answer(line('packfile\n'), line('\u0003out of memory\n')))).toThrow(/out of memory/);
});

it('takes nothing that is not of the protocol', () => {
  for (const wrong of ['<html>', '0003', 'fff0x', `${line('packfile\n')}0100\u0001PACK`])
    expect(() => packOf(answer(wrong))).toThrow(/not of its protocol/);
  expect(() => packOf(answer(line('packfile\n'), '0000'))).toThrow(/without a pack/);
  expect(() => packOf(answer())).toThrow(/without a pack/);
});
