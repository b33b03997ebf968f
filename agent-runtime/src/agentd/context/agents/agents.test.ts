import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRealTools } from '../../testing/real-tools.ts';
import { RecordingModel } from '../../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../../testing/workspace.ts';
import { parseAgent } from './definition.ts';

const run = promisify(execFile);
let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;
async function start(permissions: Partial<TestWorkspace['config']['permissions']> = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
const put = (path: string, text: string) => workspace.put(path, text);
let count = 0;
async function send(text: string): Promise<string> {
  count += 1;
  await agent.send(`a${count}`, text);
  return (await agent.settled(`a${count}`)).reply?.text ?? '';
}
const call = (subagent_type: string, prompt: string, more: object = {}) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, subagent_type, ...more })}`;
/** The requests that a subagent made, by something that its own prompt says. */
const asked = (said: string) => model.requests.filter(({ system }) => system.includes(said));

describe('the file of a subagent', () => {
  const parse = (content: string) =>
    parseAgent({ path: '/h/x.md', realPath: '/h/x.md', content, bytes: content.length, truncated: false });

  it('says what it is', async () => {
    const { agent: parsed, problems } = await parse(
      '---\nname: reviewer\ndescription: Reviews: code\ntools: Read, Agent(a, b), Bash\nmodel: inherit\nmaxTurns: 3\nskills:\n  - one\nbackground: true\nisolation: worktree\ncolor: red\nhooks: {}\n---\n\nBe strict.\n',
    );
    expect(problems).toEqual([]);
    expect(parsed).toEqual({
      name: 'reviewer',
      description: 'Reviews: code',
      prompt: 'Be strict.',
      tools: ['Read', 'Agent(a, b)', 'Bash'],
      disallowedTools: [],
      maxTurns: 3,
      skills: ['one'],
      background: true,
      worktree: true,
      color: 'red',
      hooks: {},
      path: '/h/x.md',
    });
  });

  it.each([
    ['---\nname: a\n---\nx', 'it has no description'],
    ['---\ndescription: a\n---\nx', 'it has no name'],
    ['---\nname: a:b\ndescription: x\n---\nx', 'x.md:2: name: must be letters'],
    ['---\nname: a\ndescription: x\ntools: 7\n---\nx', 'x.md:4: tools'],
    ['---\nname: a\ndescription: x\nisolation: vm\n---\nx', 'x.md:4: isolation'],
    ['---\nname: [\n---\nx', 'x.md:'],
  ])('%j is none, and says why', async (content, sentence) => {
    const { agent: parsed, problems } = await parse(content);
    expect(parsed).toBeUndefined();
    expect(problems.join('\n')).toContain(sentence);
  });

  it('is another one without the fields that only make it less fit', async () => {
    const { agent: parsed, problems } = await parse('---\nname: a\ndescription: x\nmaxTurns: many\n---\nx');
    expect(parsed).toMatchObject({ name: 'a' });
    expect(problems).toHaveLength(1);
  });
});

describe('subagents of the workspace', () => {
  beforeEach(() => start());
  afterEach(async () => {
    await endTools();
    await workspace.close();
  });

  it('are listed to the model, the nearest of a name, and are told their own prompt', async () => {
    await put('.claude/agents/deep/reviewer.md', '---\nname: reviewer\ndescription: The upper\n---\nUPPER');
    await put('work/.claude/agents/reviewer.md', '---\nname: reviewer\ndescription: The lower\n---\nLOWER');
    await put('.claude/agents/README.md', 'No subagent.');
    await put('.claude/agents/broken.md', '---\nname: broken\n---\nx');
    await send('say: hello');
    const opening = model.texts(0).join('\n');
    expect(opening).toContain('- general-purpose: ');
    expect(opening).toContain('- reviewer: The upper');
    expect(opening).toContain('broken.md:1: it has no description');
    await send(call('reviewer', 'say: one'));
    expect(asked('UPPER')).toHaveLength(1);
    await send(`run: cd work\n${call('reviewer', 'say: two')}`);
    expect(asked('LOWER')).toHaveLength(1);
  });

  it('have the tools, the model and the turns of their file', async () => {
    await put(
      '.claude/agents/small.md',
      '---\nname: small\ndescription: x\ntools: Read, Bash, Nothing\ndisallowedTools: Bash\nmodel: other-model\nmaxTurns: 2\n---\nSMALL',
    );
    await put('a.txt', 'a');
    const text = await send(call('small', 'read a.txt\nread a.txt\nread a.txt'));
    expect(text).toContain('MaxTurns');
    expect(asked('SMALL')).toHaveLength(2);
    expect(asked('SMALL')[0]).toMatchObject({ model: 'other-model', tools: [{ name: 'Read' }] });
    await put('.claude/agents/none.md', '---\nname: none\ndescription: x\ntools: Raed\n---\nNONE');
    expect(await send(call('none', 'say: x'))).toContain('would have no tool: none of Raed');
  });

  it('begin with the skills that they name', async () => {
    await put('.claude/skills/style/SKILL.md', '---\ndescription: x\n---\nWrite short lines.');
    await put('.claude/agents/writer.md', '---\nname: writer\ndescription: x\nskills: style\n---\nWRITER');
    await send(call('writer', 'say: x'));
    expect(asked('WRITER')[0]?.system).toContain('Write short lines.');
    await put('.claude/agents/lost.md', '---\nname: lost\ndescription: x\nskills: nothing\n---\nLOST');
    expect(await send(call('lost', 'say: x'))).toContain(
      'it begins with the skill nothing, which there is not',
    );
  });

  it('work in a worktree of their own, which stays only with what they changed', async () => {
    const git = (...args: string[]) => run('git', ['-C', join(workspace.home, 'repo'), ...args]);
    await put('repo/a.txt', 'before');
    await git('init', '-q', '-b', 'main');
    await git('add', '.');
    await git('-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one');
    const text = await send(
      `run: cd repo\n${call('general-purpose', 'read a.txt\nwrite a.txt: after\nrun: pwd', { isolation: 'worktree' })}`,
    );
    const path = /worktree (\S+), on the branch (\S+)\./.exec(text);
    expect(text).toContain(`\n${path?.[1]}\n`);
    expect(await readFile(join(workspace.home, 'repo/a.txt'), 'utf8')).toBe('before');
    expect(await readFile(join(path?.[1] ?? '', 'a.txt'), 'utf8')).toBe('after');
    expect((await git('branch')).stdout).toContain(path?.[2]);
    const unchanged = await send(call('general-purpose', 'run: pwd', { isolation: 'worktree' }));
    const removed = /\n?(\S+\.worktrees\S+)/.exec(unchanged)?.[1] ?? '';
    await expect(access(removed)).rejects.toThrow();
    expect((await git('worktree', 'list')).stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('the permission mode of a subagent', () => {
  afterEach(async () => {
    await endTools();
    await workspace.close();
  });

  it('is no wider than that of the workspace, whatever its file says', async () => {
    await start({ mode: 'default' });
    const fields = 'name: bold\ndescription: x\npermissionMode: bypassPermissions';
    await put('.claude/agents/bold.md', `---\n${fields}\n---\nBOLD`);
    count += 1;
    await agent.send(`a${count}`, call('bold', 'run: touch made'));
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1);
    expect(approvals[0]?.summary).toContain('touch made');
    await expect(access(join(workspace.home, 'made'))).rejects.toThrow();
  });

  it('is plan or dontAsk where its file says so and the workspace asks', async () => {
    await start({ mode: 'default' });
    for (const mode of ['plan', 'dontAsk'])
      await put(
        `.claude/agents/${mode}.md`,
        `---\nname: ${mode}\ndescription: x\npermissionMode: ${mode}\n---\nx`,
      );
    expect(await send(call('plan', 'write a.txt: x'))).toContain('in plan mode nothing is changed');
    expect(await send(call('dontAsk', 'run: touch made'))).toContain('in the mode dontAsk nobody is asked');
  });
});
