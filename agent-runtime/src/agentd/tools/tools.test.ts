import { afterEach, describe, expect, it } from 'vitest';
import { TestWorkspace } from '../testing/workspace.ts';
import { parseCall, toolDeclarations } from './registry.ts';

describe('tools', () => {
  let workspace: TestWorkspace;
  afterEach(() => workspace.close());

  it('do not list what a rule keeps from being read', async () => {
    workspace = await TestWorkspace.create({ permissions: { deny: ['Read(secret/**)', 'Read(*.pem)'] } });
    const agent = await workspace.start();
    workspace.tools.found = ['/home/agent/a.ts', '/home/agent/secret/b.ts', 'key.pem'];
    await agent.send('m1', 'tool Glob {"pattern":"**"}');
    expect((await agent.settled('m1')).reply?.text).toBe('/home/agent/a.ts');
    workspace.tools.found = [
      '/home/agent/a.ts:3:x',
      '/home/agent/secret/b.ts:4:x',
      '/home/agent/key.pem-5-x',
      'key.pem:2',
    ];
    await agent.send('m2', 'tool Grep {"pattern":"x","output_mode":"content"}');
    expect((await agent.settled('m2')).reply?.text).toBe('/home/agent/a.ts:3:x');
    await agent.send('m3', 'read secret/b.ts');
    expect((await agent.settled('m3')).reply?.text).toContain('the rule Read(secret/**) forbids it');
  });

  it('give the model both ends of a long output, and how a command failed', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'run: seq 1 30000; exit 3');
    const text = (await agent.settled('m1')).reply?.text ?? '';
    expect(text.length).toBeLessThan(6000);
    expect(text).toMatch(/1\n2\n3\n[\s\S]*\[…\][\s\S]*\n30000\n[\s\S]*\[Exit code 3\]/);
  });
});

describe('the tools as the model sees them', () => {
  it('are declared the same each time, or the prompt cache would be of no use', () => {
    expect(JSON.stringify(toolDeclarations())).toBe(JSON.stringify(toolDeclarations()));
    expect(toolDeclarations().map((tool) => tool.name)).toEqual([
      'Bash',
      'Read',
      'Write',
      'Edit',
      'Glob',
      'Grep',
      'NotebookEdit',
      'TaskOutput',
      'TaskStop',
      'Skill',
      'Agent',
      'SendMessage',
      'WebFetch',
      'TaskCreate',
      'TaskUpdate',
      'TaskGet',
      'TaskList',
      'AskUserQuestion',
      'ExitPlanMode',
      'CronCreate',
      'CronList',
      'CronDelete',
      'ScheduleWakeup',
      'Monitor',
      'EnterPlanMode',
    ]);
  });

  it.each([
    ['Bash', {}, 'command'],
    ['Bash', { command: 'x', cmd: 'y' }, 'cmd'],
    ['Edit', { file_path: 'a', old_string: '', new_string: 'b' }, 'old_string'],
    ['Fly', {}, 'There are: Bash, Read'],
    ['Read', null, 'input'],
  ])('%s with %j is answered with what is wrong', (name, input, problem) => {
    expect(parseCall(name, input)).toEqual({ problem: expect.stringContaining(problem) });
  });

  it('have older names with older fields', () => {
    expect(parseCall('BashOutput', { bash_id: 'bg_1' })).toMatchObject({
      tool: { name: 'TaskOutput' },
      input: { task_id: 'bg_1' },
    });
    expect(parseCall('KillShell', { shell_id: 'bg_1' })).toMatchObject({
      tool: { name: 'TaskStop' },
      input: { task_id: 'bg_1' },
    });
  });
});
