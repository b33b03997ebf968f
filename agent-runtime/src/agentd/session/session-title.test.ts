import { expect, it } from 'vitest';
import { titleRecord } from './session-title.ts';

it('a title of a hook is one short line, and written down once', () => {
  expect(titleRecord(' the\nother ', 'before')).toMatchObject({ type: 'title', title: 'the other' });
  expect(titleRecord('x'.repeat(300), undefined)?.title).toHaveLength(200);
  expect(titleRecord('same', 'same')).toBeUndefined();
  expect(titleRecord(' \n ', 'before')).toBeUndefined();
  expect(titleRecord(undefined, undefined)).toBeUndefined();
});
