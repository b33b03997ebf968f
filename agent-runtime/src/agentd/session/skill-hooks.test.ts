import { afterEach, describe, expect, it } from 'vitest';
import { command, HookedAgent } from '../testing/hooked-agent.ts';

let agent: HookedAgent;
afterEach(() => agent.close());

const hook = (event: string, line: string) =>
  `  ${event}:\n    - hooks: [{ type: command, command: '${line}', once: true }]\n`;
const startsSkill = 'tool Skill {"skill":"careful"}';
function putSkill(hooks: string, more = ''): Promise<void> {
  const text = `---\ndescription: Careful.\n${more}hooks:\n${hooks}---\nBODY`;
  return agent.workspace.put('.claude/skills/careful/SKILL.md', text);
}

describe('hooks of a skill with `once`', () => {
  it('run once in a session, over restarts and further starts of the skill, at every event', async () => {
    agent = await HookedAgent.start({});
    await putSkill(hook('PreToolUse', 'echo pre >> seen') + hook('PostToolUse', 'echo post >> seen'));
    await agent.send(`${startsSkill}\nrun: echo one\nrun: echo two`);
    await agent.restart();
    await agent.send(`${startsSkill}\nrun: echo three`);
    expect(await agent.text('seen')).toBe('pre\npost\n');
    await agent.agent.send('o', `${startsSkill}\nrun: echo one`, 'other');
    await agent.agent.settled('o');
    expect(await agent.text('seen')).toBe('pre\npost\npre\npost\n');
  });

  it('are not asked again about a call that waits for a person, nor about the next one', async () => {
    agent = await HookedAgent.start({});
    const ask = `echo x >> seen; echo "{\\"hookSpecificOutput\\":{\\"permissionDecision\\":\\"ask\\"}}"`;
    await putSkill(
      `  PreToolUse:\n    - matcher: Bash\n      hooks: [{ type: command, command: '${ask}', once: true }]\n`,
    );
    await agent.agent.send('m', `${startsSkill}\nrun: echo one\nrun: echo two`);
    const { approvals } = await agent.agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    await agent.restart();
    await agent.agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    await agent.agent.settled('m');
    expect(await agent.text('seen')).toBe('x\n');
    expect((await agent.results()).map((result) => result.is_error)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('run once in a subagent that the skill is the task of, also at its end', async () => {
    agent = await HookedAgent.start({});
    await putSkill(hook('Stop', 'echo end >> seen'), 'context: fork\n');
    await agent.send(startsSkill);
    expect(await agent.text('seen')).toBe('end\n');
  });

  it('run again where their file was changed, and where they were refused run once they may', async () => {
    agent = await HookedAgent.start(
      {},
      { permissions: { mode: 'default', allow: ['Bash(echo *)', 'Bash(ls)', 'Skill'] } },
    );
    await putSkill(hook('PreToolUse', 'touch made'));
    await agent.send(`${startsSkill}\nrun: echo one`);
    agent.workspace.config.permissions.allow.push('Bash(touch *)');
    await agent.restart();
    await agent.send(`${startsSkill}\nrun: echo two`);
    await putSkill(hook('PreToolUse', 'touch again'));
    await agent.send(`${startsSkill}\nrun: echo three\nrun: ls`);
    expect((await agent.results()).at(-1)?.content).toMatch(/again\nmade/);
  });

  it('in settings run as often as others', async () => {
    agent = await HookedAgent.start({ PreToolUse: command('echo x >> seen', { once: true }) });
    await agent.send('run: echo one\nrun: echo two');
    expect(await agent.text('seen')).toBe('x\nx\n');
  });
});
