import { expect, it } from 'vitest';
import { approvalsOf } from './approvals.ts';
import { emptyVolume, SimulatedAgent } from './simulation/agent.ts';

it('tells of the oldest questions, in what room a status has', () => {
  const agent = new SimulatedAgent('pod', 'uid', emptyVolume(), () => 0);
  const state = agent.state();
  expect(approvalsOf(state)).toBeUndefined();
  const request = { session: 's', toolUseId: 't', tool: 'Bash', requestedAt: '2026-01-01T00:00:00.000Z' };
  const many = Array.from({ length: 20 }, (_, at) => ({
    ...request,
    id: `q${at}`,
    summary: `make\n${'😀'.repeat(400)}`,
    requestedAt: `2026-01-01T00:00:${String(59 - at).padStart(2, '0')}.000Z`,
    plan: 'p'.repeat(10_000),
    questions: [
      { question: 'Which?', options: [{ label: 'a', description: 'long' }, { label: 'b' }], several: true },
    ],
  }));
  const told = approvalsOf({ ...state, approvals: many });
  expect(told?.waiting).toBe(20);
  expect(told?.requests).toHaveLength(16);
  const [first] = told?.requests ?? [];
  expect(first).toMatchObject({
    id: 'q19',
    since: '2026-01-01T00:00:40.000Z',
    questions: [{ question: 'Which?', options: ['a', 'b'], several: true }],
  });
  expect(first?.plan).toHaveLength(8_192);
  expect(first?.summary.startsWith('make 😀')).toBe(true);
  expect(first?.summary.isWellFormed()).toBe(true);
});
