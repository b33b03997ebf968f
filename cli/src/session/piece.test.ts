import { expect, it } from 'vitest';
import { piecesOf } from './piece.ts';

it('a reminder of instructions is shown as the files that it holds', () => {
  const message = { role: 'user' as const, content: [{ type: 'text', text: '<system-reminder>\nlong' }] };
  expect(piecesOf({ uuid: 'u', contextFiles: [{ path: '/a/CLAUDE.md' }], message })).toEqual([
    { kind: 'note', text: 'instructions: /a/CLAUDE.md' },
  ]);
});
