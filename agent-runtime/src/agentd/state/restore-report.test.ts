import { expect, it } from 'vitest';
import type { RestoreState } from '../../protocol/state.ts';
import { withReconciled } from './restore-report.ts';

const found: RestoreState = {
  outcome: 'Checkpoint',
  processes: 'None',
  restored: [],
  rejected: [],
  restarted: [],
  ended: [],
};
const nothing = { restored: [], restarted: [], ended: [], lost: [] };

it('names each process once, however often the tools were reached', () => {
  const once = withReconciled(found, { ...nothing, restarted: ['a'], ended: ['b'] });
  expect(once).toMatchObject({ processes: 'Restarted', restarted: ['a'], ended: ['b'] });
  expect(withReconciled(once, { ...nothing, restarted: ['a', 'c'] }).restarted).toEqual(['a', 'c']);
});

it('does not call started again what was restored, and says what was not', () => {
  const restored = withReconciled(found, { ...nothing, restored: ['a'], lost: ['b: no image'] });
  expect(restored).toMatchObject({
    processes: 'Restored',
    problem: { reason: 'RestoreFailed', message: 'b: no image' },
  });
  const later = withReconciled(restored, { ...nothing, restarted: ['a'] });
  expect(later).toMatchObject({ processes: 'Restored', restored: ['a'], restarted: [] });
  expect(later.problem).toEqual(restored.problem);
});
