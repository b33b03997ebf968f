import { expect, it } from 'vitest';
import { patienceMs } from './ask-meanwhile.ts';

it('keeps a workspace awake for a question as long as it otherwise is, within bounds', () => {
  expect(patienceMs({ idleAfterSeconds: 900 })).toBe(900_000);
  expect(patienceMs({ idleAfterSeconds: 5 })).toBe(60_000);
  expect(patienceMs({ idleAfterSeconds: 86_400 })).toBe(3_600_000);
  expect(patienceMs({})).toBe(3_600_000);
});
