import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let agent: RunningAgent;
beforeEach(async () => {
  workspace = await TestWorkspace.create({
    permissions: { mode: 'acceptEdits', deny: ['Read(.env)', 'Edit(.git/**)'] },
  });
  endTools = await startRealTools(workspace, '/bin/false');
  await workspace.put('.env', 'SECRET=1');
  await workspace.put('.git/config', 'x');
  await workspace.put('.claude/settings.json', '{}');
  const links = {
    plain: '.env',
    twice: 'plain',
    folder: '.git',
    late: '.git/hooks',
    claude: '.claude',
    loop: 'loop',
  };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(workspace.home, name));
  agent = await workspace.start();
});
afterEach(async () => {
  await workspace.close();
  await endTools();
});

let sent = 0;
async function reply(text: string): Promise<string> {
  sent += 1;
  await agent.send(`m${sent}`, text);
  return (await agent.settled(`m${sent}`)).reply?.text ?? '';
}

it('a link leads no file tool around a deny rule, whether its target is there or not', async () => {
  for (const text of ['read plain', 'read twice', 'write folder/config: y', 'write late/pre-push: y']) {
    const said = await reply(text);
    expect(said, text).toMatch(/Not permitted: the rule (?:Read|Edit)/);
    expect(said, text).not.toContain('SECRET');
  }
  expect(await reply('write free.txt: y')).toContain('Created');
});

it('nor does one lead a command that names it, however many it names', async () => {
  const many = Array.from({ length: 40 }, (_, at) => `f${at}`).join(' ');
  for (const command of [
    'cat plain',
    'head -n1 < twice',
    'echo y > folder/config',
    `cat ${many} twice`,
    'cd folder; rm config',
    'cat .claude/settings.json/x plain',
    `cat plain ${'a'.repeat(300)}`,
    'cat plain loop',
  ]) {
    const said = await reply(`run: ${command}`);
    expect(said, command).toMatch(/Not permitted: the rule (?:Read|Edit)/);
  }
  const more = Array.from({ length: 500 }, (_, at) => `f${at}`).join(' ');
  expect(await reply(`run: cat ${more} plain`)).toContain('names more than 490 files');
  await agent.send('free', 'run: cat free folder/config', 'another');
  const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1);
  expect(approvals[0]?.summary).toBe('cat free folder/config');
});

it('a link into .claude is asked about as the file itself is', async () => {
  await agent.send('ask', 'write claude/x.md: y', 'another');
  const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1);
  expect(approvals[0]?.summary).toBe('claude/x.md');
});
