import { afterEach, describe, expect, it } from 'vitest';
import { TestWorkspace } from '../../testing/workspace.ts';
import { describe as described, emptyList, type TaskList, withChange, withTask } from './list.ts';

function listOf(...subjects: string[]): TaskList {
  return subjects.reduce<TaskList>((list, subject) => {
    const added = withTask(list, { subject, description: '' });
    return 'list' in added ? added.list : list;
  }, emptyList);
}
const changed = (
  list: TaskList,
  ...change: Parameters<typeof withChange> extends [unknown, ...infer Rest] ? Rest : never
) => {
  const result = withChange(list, ...change);
  if ('problem' in result) throw new Error(result.problem);
  return result.list;
};

describe('a list of tasks', () => {
  it('says what waits for what that is not done', () => {
    let list = changed(listOf('one', 'two', 'three'), '1', { addBlocks: ['2'], status: 'in_progress' });
    list = changed(list, '3', { addBlockedBy: ['2', '1'], owner: 'me' });
    expect(described(list)).toBe(
      '#1 [in_progress] one\n#2 [pending] two (waits for #1)\n#3 [pending] three (owner: me; waits for #2, #1)',
    );
    list = changed(list, '1', { status: 'completed' });
    expect(described(list)).toContain('#2 [pending] two\n#3 [pending] three (owner: me; waits for #2)');
    list = changed(list, '2', { status: 'deleted' });
    expect(described(list)).toBe('#1 [completed] one\n#3 [pending] three (owner: me)');
    expect(listOf('a').next).toBe(2);
    expect(withTask(list, { subject: 'x', description: '' })).toMatchObject({ id: '4' });
  });

  it.each([
    ['9', {}, 'There is no task 9'],
    ['1', { addBlocks: ['8'] }, 'There is no task 8'],
    ['1', { addBlockedBy: ['1'] }, 'cannot block itself'],
  ])('is not changed by %s %j', (id, change, problem) => {
    expect(withChange(listOf('one'), id, change)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('has an end', () => {
    const full = listOf(...Array.from({ length: 200 }, (_, index) => String(index)));
    expect(withTask(full, { subject: 'x', description: '' })).toHaveProperty('problem');
  });
});

describe('the tools of the list', () => {
  let workspace: TestWorkspace;
  afterEach(() => workspace.close());

  it('keep it in the transcript: it is the same after a restart', async () => {
    workspace = await TestWorkspace.create();
    let agent = await workspace.start();
    await agent.send(
      'm1',
      [
        'tool TaskCreate {"subject":"one","description":"first"}',
        'tool TaskCreate {"subject":"two","description":"second","activeForm":"Doing two"}',
        'tool TaskUpdate {"taskId":"1","status":"completed"}',
      ].join('\n'),
    );
    await agent.settled('m1');
    await agent.stop();
    agent = await workspace.start();
    await agent.send('m2', 'tool TaskList {}\ntool TaskGet {"taskId":"2"}\ntool TaskGet {"taskId":"7"}');
    const text = (await agent.settled('m2')).reply?.text;
    expect(text).toContain('#1 [completed] one\n#2 [pending] two\n');
    expect(text).toContain('"activeForm": "Doing two"');
    expect(text).toContain('There is no task 7');
    await agent.send('m3', 'tool TaskList {}', 'other');
    expect((await agent.settled('m3')).reply?.text).toBe('The list is empty.');
  });
});
