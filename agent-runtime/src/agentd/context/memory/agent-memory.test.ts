import { access, mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRealTools } from '../../testing/real-tools.ts';
import { RecordingModel } from '../../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../../testing/workspace.ts';
import { agentMemory, ownMemoryOf } from './agent-memory.ts';
import { memoryRules } from './auto-memory.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;

async function start(permissions: Partial<TestWorkspace['config']['permissions']> = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions: { mode: 'default', ...permissions } });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
const stop = async () => {
  await endTools();
  await workspace.close();
};

let count = 0;
async function tell(text: string): Promise<string> {
  count += 1;
  await agent.send(`m${count}`, text);
  return (await agent.settled(`m${count}`)).reply?.text ?? '';
}
/** Sends a message that comes to wait for a person. */
async function waits(text: string): Promise<void> {
  count += 1;
  await agent.send(`m${count}`, text);
  await agent.stateWhen(({ approvals }) => approvals.length === 1);
}
const putAgent = (fields: string) =>
  workspace.put('.claude/agents/keeper.md', `---\nname: keeper\ndescription: x\n${fields}\n---\n[keeper]`);
const call = (prompt: string) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, subagent_type: 'keeper' })}`;
const folder = '.claude/agent-memory/keeper';
const asked = () => model.requests.filter(({ system }) => system.includes('[keeper]'));
const told = () => JSON.stringify(asked().at(-1)?.messages);
const written = (path: string) => readFile(join(workspace.home, path), 'utf8');

describe('the memory of a subagent', () => {
  beforeEach(() => start());
  afterEach(stop);

  it('is written unasked, and every later task of it has its index', async () => {
    await putAgent('memory: user');
    await tell(call(`write ${folder}/MEMORY.md: - [Tabs](tabs.md)\nwrite ${folder}/tabs.md: INDENT`));
    expect(await written(`${folder}/tabs.md`)).toBe('INDENT');
    expect(await tell(call(`read ${folder}/tabs.md`))).toContain('INDENT');
    expect(asked()[0]?.messages[0]?.content[0]?.text).toContain(join(workspace.home, folder));
    expect(told()).toContain('- [Tabs](tabs.md)');
    // Nobody else has it.
    await agent.send('other', `tool Agent {"description":"x","prompt":"say: hi"}`, 'other');
    await agent.settled('other');
    const others = model.requests.filter(({ system }) => !system.includes('[keeper]')).slice(-3);
    expect(JSON.stringify(others.map(({ messages }) => messages))).not.toContain('keeper/MEMORY.md');
    await waits(`write ${folder}/other.md: x`);
  });

  it('is shown up to 200 lines', async () => {
    await putAgent('memory: project');
    const lines = Array.from({ length: 250 }, (_, at) => `- line ${at + 1}.`);
    await workspace.put(`${folder}/MEMORY.md`, lines.join('\n'));
    await tell(call('say: hi'));
    expect(told()).toContain('line 200.');
    expect(told()).not.toContain('line 201.');
  });

  it('lets it write nothing else unasked', async () => {
    await putAgent('memory: user');
    await waits(call('write a.md: x'));
    await expect(access(join(workspace.home, 'a.md'))).rejects.toThrow();
  });

  it('is neither told of nor there where memory is switched off', async () => {
    await putAgent('memory: user\ntools: Grep');
    await workspace.put(`${folder}/MEMORY.md`, '- NOTE');
    await workspace.put('.claude/settings.json', '{"autoMemoryEnabled": false}');
    expect(await tell(call(`write ${folder}/a.md: x`))).toContain('No tool named Write was offered');
    expect(told()).not.toMatch(/NOTE|outlasts this conversation/);
  });

  it('of which kind it is must be one of three words', async () => {
    await putAgent('memory: mine');
    await tell(call('say: x'));
    expect(JSON.stringify(model.requests[0]?.messages)).toContain(
      'keeper.md:4: memory: must be user, project or local',
    );
    expect(told()).not.toContain('outlasts this conversation');
  });
});

describe('tools that a subagent has for its memory alone', () => {
  beforeEach(() => start({ mode: 'bypassPermissions' }));
  afterEach(stop);

  it('read and write its folder, and nothing else', async () => {
    await putAgent('memory: user\ntools: Grep');
    await workspace.put('a.txt', 'SECRET');
    expect(await tell(call(`write ${folder}/a.md: NOTE\nread ${folder}/a.md`))).toContain('NOTE');
    const offered = asked()[0]?.tools.map(({ name }) => name);
    expect(offered).toEqual(['Read', 'Write', 'Edit', 'Grep']);
    for (const script of ['read a.txt', 'write b.txt: x', `write ${folder}/../b.md: x`])
      expect(await tell(call(script)), script).toMatch(/has (Read|Write) for its memory alone, in \//);
    await expect(access(join(workspace.home, 'b.txt'))).rejects.toThrow();
  });

  it('read and write it in the project whose subagent it is', async () => {
    await workspace.put(
      'work/.claude/agents/keeper.md',
      '---\nname: keeper\ndescription: x\nmemory: local\ntools: Grep\n---\n[keeper]',
    );
    await workspace.put('work/below/a.txt', 'x');
    const path = join(workspace.home, 'work/.claude/agent-memory-local/keeper/a.md');
    expect(await tell(`run: cd work/below\n${call(`write ${path}: LOCAL`)}`)).toContain('Created');
    expect(await readFile(path, 'utf8')).toBe('LOCAL');
  });

  it('follow no link out of it', async () => {
    await putAgent('memory: user\ntools: Grep');
    await mkdir(join(workspace.home, folder), { recursive: true });
    await workspace.put('a.txt', 'SECRET');
    await symlink(workspace.home, join(workspace.home, folder, 'out'));
    const said = await tell(call(`read ${folder}/out/a.txt\nwrite ${folder}/out/b.txt: x`));
    expect(said).toMatch(/has Read for its memory alone[\s\S]*has Write for its memory alone/);
    expect(said).not.toContain('SECRET');
  });

  it('are all that its list adds to: those that it names it has as ever, and those that it removes it has not', async () => {
    await putAgent('memory: user\ntools: Read\ndisallowedTools: Write');
    await workspace.put('a.txt', 'READ');
    const said = await tell(call(`read a.txt\nwrite ${folder}/a.md: x`));
    expect(said).toContain('READ');
    expect(said).toContain('No tool named Write was offered');
  });
});

describe('the folder', () => {
  const of = (scope: Parameters<typeof ownMemoryOf>[0], name: string, folder = '/home/agent/work') =>
    ownMemoryOf(scope, { name, path: `${folder}/.claude/agents/deep/x.md` }, '/home/agent').folder;

  it('is that of the kind of memory and the name', () => {
    expect(of('user', 'a')).toBe('/home/agent/.claude/agent-memory/a');
    expect(of('project', 'a')).toBe('/home/agent/work/.claude/agent-memory/a');
    expect(of('local', 'a')).toBe('/home/agent/work/.claude/agent-memory-local/a');
    expect(of('project', 'a', '/home/agent')).toBe(of('user', 'a'));
    expect(of('local', 'plugin:a')).toBe('/home/agent/.claude/agent-memory-local/plugin-a');
    expect(of('user', 'plugin:a')).toBe('/home/agent/.claude/agent-memory/plugin-a');
  });

  it('is written unasked only where its name can mean nothing else', () => {
    const rules = (folder: string) => memoryRules(agentMemory({ scope: 'project', folder }));
    expect(rules('/home/agent/a')).toEqual(['Edit(//home/agent/a/*.md)']);
    expect(rules('/home/agent/a*')).toEqual([]);
  });
});
