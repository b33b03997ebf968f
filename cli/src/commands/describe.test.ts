import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../../../test/support/api-server/index.ts';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  const since = { lastTransitionTime: '2029-12-31T22:00:00Z', observedGeneration: 1 };
  person.workspace('ada', {
    status: {
      phase: 'Running',
      className: 'standard',
      startedAt: '2029-12-31T22:00:00Z',
      conditions: [
        { ...since, type: 'Ready', status: 'True', reason: 'Running', message: 'The agent answers.' },
        { ...since, type: 'Asleep', status: 'False', reason: 'Demand', message: '' },
        {
          ...since,
          type: 'ModelReachable',
          status: 'False',
          reason: 'Unauthorized',
          message: 'The key is refused.',
        },
      ],
    },
  });
});
afterEach(() => person[Symbol.asyncDispose]());

function event(name: string, about: string, seconds: string) {
  person.server.objects.put(collections.events, `team/${name}`, {
    metadata: { name, namespace: 'team' },
    involvedObject: { kind: 'AgentWorkspace', name: about },
    type: 'Normal',
    reason: 'Woken',
    message: `told by ${name}`,
    lastTimestamp: `2029-12-31T23:59:${seconds}Z`,
    count: 2,
  } as { metadata: { name: string } });
}

describe('describe', () => {
  it('says how the workspace is and why, with the meaning of a reason that has no message', async () => {
    const { out } = await person.run('describe', 'ada');
    expect(out).toMatch(
      /^Name: +team\/ada\nPhase: +Running, since 120m\nWhy: +Messages are open, or somebody is attached\.\n/,
    );
    expect(out).toContain('claim ada, 2Gi, deleted with it');
  });

  it('marks conditions as good, bad or neither', async () => {
    const { out } = await person.run('describe', 'ada');
    expect(out).toContain('✓ Ready Running, 120m');
    expect(out).toContain('· Asleep Demand');
    expect(out).toContain('✗ ModelReachable Unauthorized, 120m\n      The key is refused.');
  });

  it('shows open messages with the tool calls that wait for a person, and no finished ones', async () => {
    person.message('ada-1', 'ada', { status: { phase: 'Completed' } });
    person.message('ada-2', 'ada', {
      status: {
        phase: 'Working',
        reason: 'WaitingForApproval',
        pendingApprovals: [{ id: 'a1', tool: 'Bash', summary: 'rm -rf build' }],
      },
    });
    const { out } = await person.run('describe', 'ada');
    expect(out).toContain('ada-2 (session default, Working, WaitingForApproval, 10m): how are you?');
    expect(out).toContain('Bash wants approval: rm -rf build (dormouse approve ada a1)');
    expect(out).not.toContain('ada-1');
  });

  it("shows its recent events in their order, and nobody else's", async () => {
    event('late', 'ada', '50');
    event('early', 'ada', '10');
    event('other', 'bob', '20');
    const { out } = await person.run('describe', 'ada');
    expect(out).toMatch(
      /50s +Normal +Woken +AgentWorkspace \(2 times\) +told by early\n +10s .* told by late\n$/,
    );
    expect(out).not.toContain('told by other');
  });

  it('says so where events may not be read', async () => {
    person.server.misbehave({
      matches: ({ collection }) => collection === collections.events,
      respond: answer(403, 'Forbidden'),
    });
    const { code, out } = await person.run('describe', 'ada');
    expect(code).toBe(0);
    expect(out).toContain('Events: you may not read them');
  });

  it('colours on a terminal, unless NO_COLOR says otherwise', async () => {
    person.terminal.out = true;
    expect((await person.run('describe', 'ada')).out).toContain('\x1b[1mRunning\x1b[22m');
    person.env.NO_COLOR = '1';
    expect((await person.run('describe', 'ada')).out).not.toContain('\x1b');
  });
});
