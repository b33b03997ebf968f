import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadAgents } from '../context/agents/catalogue.ts';
import type { Plugin } from '../plugins/plugin.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');

let workspace: TestWorkspace;
let model: RecordingModel;
let stopTools: () => Promise<void>;
let agent: RunningAgent;

async function start(permissions: Partial<TestWorkspace['config']['permissions']> = {}) {
  workspace = await TestWorkspace.create({ permissions });
  stopTools = await startRealTools(workspace, '/nowhere');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
const stop = async () => {
  await workspace.close();
  await stopTools();
};

let count = 0;
async function tell(text: string): Promise<string> {
  count += 1;
  await agent.send(`s${count}`, text);
  return (await agent.settled(`s${count}`)).reply?.text ?? '';
}
const putAgent = (...lines: string[]) =>
  workspace.put(
    '.claude/agents/helper.md',
    ['---', 'name: helper', 'description: x', ...lines, '---', '[helper]'].join('\n'),
  );
const call = (prompt: string) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, subagent_type: 'helper' })}`;
const asked = () => model.requests.filter(({ system }) => system.includes('[helper]'));
const offered = () =>
  asked()
    .at(-1)
    ?.tools.map(({ name }) => name) ?? [];
const told = () => JSON.stringify(asked().at(-1)?.messages);
const log = () => readFile(join(workspace.home, 'log'), 'utf8').catch(() => '');
function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
/** The definition of a server in the file of a subagent, and in `.mcp.json`. */
const inline = (name = 'own') => [
  'mcpServers:',
  `  - ${name}:`,
  `      command: ${process.execPath}`,
  `      args: [${fixture}]`,
  `      env: { MCP_LOG: ${join(workspace.home, 'log')} }`,
];
const declare = (...names: string[]) => {
  const entry = { command: process.execPath, args: [fixture] };
  const mcpServers = Object.fromEntries(names.map((name) => [name, entry]));
  return workspace.put('.mcp.json', JSON.stringify({ mcpServers }));
};

describe('a server of the workspace that the file of a subagent names', () => {
  afterEach(stop);

  it('is one whose tools it has, however few it has besides', async () => {
    await start();
    await declare('one', 'two');
    await putAgent('tools: Read', 'disallowedTools: mcp__one__fail', 'mcpServers: [one]');
    const said = await tell(call('tool mcp__one__echo {"text":"hello"}\ntool mcp__two__echo {"text":"x"}'));
    expect(said).toMatch(/hello \(pid[\s\S]*No tool named mcp__two__echo/);
    expect(offered()).toContain('Read');
    expect(offered()).not.toContain('Bash');
    expect(offered()).not.toContain('mcp__one__fail');
  });

  it('and that is not there is told of', async () => {
    await start();
    await putAgent('mcpServers:', '  - none');
    await tell(call('say: x'));
    expect(told()).toContain('helper.md names the MCP server none, which there is not.');
  });

  it('with many tools has them looked for', async () => {
    await start();
    const entry = { command: process.execPath, args: [fixture], env: { MCP_MANY: '150' } };
    await workspace.put('.mcp.json', JSON.stringify({ mcpServers: { one: entry } }));
    await putAgent('tools: Read', 'mcpServers: [one]');
    const said = await tell(
      call(
        'tool ToolSearch {"query":"filler number 77","max_results":1}\ntool mcp__one__filler_77 {"text":"x"}',
      ),
    );
    expect(said).toContain('there is no tool filler_77');
  });
});

describe('a server that the file of a subagent defines', () => {
  afterEach(stop);

  it('is there while it works, for it alone', async () => {
    await start();
    await putAgent('tools: Read', ...inline());
    const said = await tell(`${call('tool mcp__own__echo {"text":"hello"}')}\nsay: x`);
    expect(said).toContain('hello (pid');
    expect(offered().filter((name) => !name.startsWith('mcp__own__'))).toEqual(['Read']);
    const others = model.requests.filter(({ system }) => !system.includes('[helper]'));
    expect(JSON.stringify(others.map(({ tools }) => tools))).not.toContain('mcp__own');
    const pid = Number(/start (\d+)/.exec(await log())?.[1]);
    expect(pid).toBeGreaterThan(1);
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
    // More work for it starts the server again, as it was.
    await putAgent('tools: Read');
    const id = /agentId: (\S+)/.exec(said)?.[1];
    await tell(
      `tool SendMessage ${JSON.stringify({ to: id, message: 'tool mcp__own__echo {"text":"again"}' })}`,
    );
    await expect.poll(told, { timeout: 10_000 }).toContain('again (pid');
    expect((await log()).match(/start/g)).toHaveLength(2);
  });

  it('is started only once a person has let it in', async () => {
    await start({ mode: 'default', allow: ['mcp__own'] });
    await putAgent('tools: Read', ...inline());
    await tell(call('say: x'));
    const digest = /own of [^[]*helper\.md runs: [^[]*\[digest ([0-9a-f]{16})\]/.exec(told())?.[1];
    expect(await log()).toBe('');
    count += 1;
    const connect = `tool ConnectMcpServer {"server":"own","digest":"${digest}"}`;
    await agent.send(`s${count}`, call(`${connect}\ntool mcp__own__echo {"text":"hello"}`));
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1);
    expect(approvals[0]?.summary).toContain(`helper.md runs: ${process.execPath} ${fixture}`);
    expect(await log()).toBe('');
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    expect((await agent.settled(`s${count}`)).reply?.text).toContain('hello (pid');
    // The next one of this file asks nobody.
    expect(await tell(call('tool mcp__own__echo {"text":"again"}'))).toContain('again (pid');
    // Another command is another server.
    await putAgent('tools: Read', ...inline(), '      timeout: 9000');
    expect(await tell(call('tool mcp__own__echo {"text":"x"}'))).toContain('No tool named mcp__own__echo');
  });

  it('takes no name of a server of the workspace, and must be one that the class allows', async () => {
    await start();
    await declare('own');
    await putAgent(
      ...inline(),
      '  - other:',
      '      command: touch',
      `      args: [${workspace.home}/pwned]`,
    );
    workspace.config.mcp = { servers: [], allowed: [{ command: [process.execPath, fixture] }] };
    await agent.stop();
    agent = await workspace.start(model);
    await tell(call('tool mcp__own__echo {"text":"hello"}'));
    expect(await log()).toBe('');
    expect(told()).toContain('its MCP server own is left out, as the workspace has one of this name');
    expect(told()).toContain('does not allow the MCP server other');
    await expect(readFile(join(workspace.home, 'pwned'))).rejects.toThrow();
  });

  it('that cannot be one is told of with its line', async () => {
    await start();
    await putAgent('mcpServers:', '  - fine', '  - broken:', '      args: [x]', '  - a__b: { command: x }');
    await workspace.put('.claude/agents/list.md', '---\nname: list\ndescription: x\nmcpServers: 7\n---\nx');
    await tell('say: x');
    const opening = JSON.stringify(model.requests[0]?.messages);
    expect(opening).toContain(
      'helper.md:6: the MCP server broken is left out: it has neither a command nor a url',
    );
    expect(opening).toContain('helper.md:8: the MCP server a__b is left out: its name must not hold');
    expect(opening).toMatch(/list\.md:4: mcpServers: /);
  });
});

it('a subagent of a plugin brings no servers', async () => {
  const content = '---\nname: helper\ndescription: x\nmcpServers: [one]\n---\nx';
  const file = (path: string) => ({ path, realPath: path, content, bytes: content.length, truncated: false });
  const files = ['/home/agent/.claude/agents/helper.md', '/plugin/agents/helper.md'].map(file);
  const source = { home: '/home/agent', collect: async () => ({ files, problems: [], truncated: false }) };
  const plugin = { name: 'p', variables: {}, places: { agents: ['/plugin/agents'] } } as unknown as Plugin;
  const { agents } = await loadAgents(['/home/agent'], source, [plugin]);
  expect(agents.get('helper')?.mcpServers?.names).toEqual(['one']);
  expect(agents.get('p:helper')).toBeDefined();
  expect(agents.get('p:helper')?.mcpServers).toBeUndefined();
});
