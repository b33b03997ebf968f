import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
});
afterEach(() => person[Symbol.asyncDispose]());

function some() {
  person.workspace('grace', {
    status: {
      phase: 'Suspended',
      className: 'standard',
      suspendedSince: '2029-12-31T21:00:00Z',
      checkpoint: { sequence: 7 },
      conditions: [{ type: 'Ready', reason: 'Suspended' }],
    },
  });
  person.workspace('ada', { status: { phase: 'Running', messages: { pending: 2, working: 1 } } });
  person.workspace('bob', {}, 'other');
}

describe('ls', () => {
  it('shows how the workspaces of the namespace are, by name', async () => {
    some();
    const { code, out } = await person.run('ls');
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'NAME    PHASE       IDLE   CHECKPOINT   MESSAGES               AGE',
        'ada     Running     -      -            1 working, 2 waiting   4h',
        'grace   Suspended   3h     7            -                      4h',
        '',
      ].join('\n'),
    );
  });

  it('shows those of all namespaces, of another one, and more of each', async () => {
    some();
    expect((await person.run('ls', '-A', '-o', 'name')).out.split('\n')).toHaveLength(4);
    expect((await person.run('ls', '-A')).out).toMatch(/^NAMESPACE.*\nother +bob +Pending/);
    expect((await person.run('ls', '-n', 'other', '-o', 'name')).out).toBe(
      'agentworkspace.dormouse.dev/bob\n',
    );
    expect((await person.run('ls', '-o', 'wide')).out).toMatch(/grace .* standard +Suspended +4h\n/);
  });

  it('gives the list that kubectl gives, as JSON and YAML', async () => {
    some();
    const list = JSON.parse((await person.run('ls', '-o', 'json')).out);
    expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' } });
    expect(list.items[0]).toMatchObject({
      apiVersion: 'dormouse.dev/v1alpha1',
      kind: 'AgentWorkspace',
      metadata: { name: 'ada' },
    });
    expect(parse((await person.run('ls', '-o', 'yaml')).out)).toEqual(list);
  });

  it('says that there are none, and how to make one, without a word on standard output', async () => {
    const { code, out, err } = await person.run('ls');
    expect({ code, out }).toEqual({ code: 0, out: '' });
    expect(err).toContain('dormouse new NAME');
    expect(JSON.parse((await person.run('ls', '-o', 'json')).out).items).toEqual([]);
  });

  it('goes on with every change when it watches', async () => {
    some();
    const watching = person.start('ls', '--watch');
    await expect.poll(() => person.server.openWatches).toBe(1);
    person.workspace('grace', { status: { phase: 'Starting' } });
    await expect.poll(() => watching.out()).toMatch(/grace +Starting/);
    person.server.objects.delete('apis/dormouse.dev/v1alpha1/agentworkspaces', 'team/ada');
    await expect.poll(() => watching.out().split('\n\n').at(-1)).not.toContain('ada');
    watching.interrupt();
    await watching.ended;
  });
});
