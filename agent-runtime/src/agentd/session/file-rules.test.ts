import { afterEach, beforeEach, expect, it } from 'vitest';
import { parallelTurns } from '../agent.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let agent: RunningAgent;
beforeEach(async () => {
  workspace = await TestWorkspace.create({ permissions: { mode: 'acceptEdits', deny: ['Bash(rm:*)'] } });
  endTools = await startRealTools(workspace, '/bin/false');
  agent = await workspace.start();
});
afterEach(async () => {
  await workspace.close();
  await endTools();
});

const settings = (permissions: object, name = 'settings.json') =>
  workspace.put(`.claude/${name}`, JSON.stringify({ permissions }));
let sent = 0;
async function reply(text: string): Promise<string> {
  sent += 1;
  await agent.send(`m${sent}`, text);
  return (await agent.settled(`m${sent}`)).reply?.text ?? '';
}

it('what settings files forbid is forbidden from the next message on, and what they allow is not allowed', async () => {
  expect(await reply('write a.txt: x')).toContain('Created');
  await settings({ deny: ['Edit(/a.txt)'], allow: ['Bash'], defaultMode: 'bypassPermissions' });
  await settings({ deny: ['Edit(b.txt)', 'Bash(touch:*)'] }, 'settings.local.json');
  expect(await reply('write b.txt: x')).toContain('the rule Edit(b.txt) forbids it');
  expect(await reply('write c.txt: x')).toContain('Created');
  expect(await reply('run: touch x')).toContain('forbids it');
  expect(await reply('run: rm c.txt')).toContain('forbids it');
  await agent.send('asked', 'run: echo x', 'another');
  await agent.stateWhen((state) => state.approvals.length === 1);
});

it('a message that waited for others to end has the rules of when it begins', async () => {
  const before = Array.from({ length: parallelTurns }, (_, index) => `before${index}`);
  for (const name of before) await agent.send(name, 'wait: 0.6', name);
  await agent.send('after', 'write a.txt: x', 'after');
  await settings({ deny: ['Edit(/a.txt)'] });
  expect((await agent.settled('after')).reply?.text).toContain('forbids it');
});

it('one that is broken forbids nothing, and hinders nothing', async () => {
  await workspace.put('.claude/settings.json', '{"permissions": {"deny": ["Edit"]');
  await settings({ deny: ['Edit(x.txt)', 'Edit('] }, 'settings.local.json');
  expect(await reply('write a.txt: x')).toContain('Created');
  expect(await reply('write x.txt: x')).toContain('forbids it');
});
