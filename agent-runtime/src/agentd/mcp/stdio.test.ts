import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { TestWorkspace } from '../testing/workspace.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');

/** A real workspaced, in which the fixture's server runs as a real process. */
describe('a server on standard input and output', () => {
  let workspace: TestWorkspace;
  let model: RecordingModel;
  let stopTools: (signal?: NodeJS.Signals) => Promise<void>;

  async function start(mode: 'default' | 'bypassPermissions' = 'bypassPermissions', more: object = {}) {
    workspace = await TestWorkspace.create({ permissions: { mode, ...more } });
    stopTools = await startRealTools(workspace, '/nowhere');
    model = new RecordingModel(workspace);
  }
  afterEach(async () => {
    await workspace.close();
    await stopTools();
  });

  const declare = (env: Record<string, string> = {}, more: object = {}) => {
    workspace.config.mcp = {
      servers: [
        {
          ...{ name: 'fixture', command: process.execPath, args: [fixture], headers: {}, transport: 'http' },
          ...{ env: { MCP_LOG: join(workspace.home, 'log'), ...env }, alwaysLoad: false, ...more },
        },
      ],
    };
  };
  const project = (servers: object) => workspace.put('.mcp.json', JSON.stringify({ mcpServers: servers }));
  const log = () => readFile(join(workspace.home, 'log'), 'utf8').catch(() => '');

  it('has its tools called by the model, as a process of the workspace', async () => {
    await start();
    declare({ GREETING: `\${HOME} and \${NOT_THERE:-default}` });
    const agent = await workspace.start(model);
    const say = async (key: string, text: string) => {
      await agent.send(key, text);
      return (await agent.settled(key)).reply?.text;
    };
    expect(await say('m1', 'tool mcp__fixture__echo {"text":"hello"}')).toMatch(
      /^hello \(pid \d+, uid \d+\)$/,
    );
    expect(await say('m2', 'tool mcp__fixture__environment {"name":"GREETING"}')).toBe(
      `GREETING=${workspace.home} and default`,
    );
    expect(await say('m3', 'tool mcp__fixture__fail {}')).toBe('The tool failed: it cannot be done');
    expect(await say('m4', 'tool mcp__fixture__none {}')).toContain('No tool named');
    // One process for all of it.
    expect((await log()).match(/start/g)).toHaveLength(1);
    expect(JSON.stringify(model.requests[0])).toContain('Use echo to hear it again.');
  });

  it('ends with a crash, is told of as such, and is there again with the next message', async () => {
    await start();
    declare();
    const agent = await workspace.start(model);
    await agent.send('m1', 'tool mcp__fixture__crash {}');
    expect((await agent.settled('m1')).reply?.text).toContain('may or may not have taken effect');
    await agent.send('m2', 'tool mcp__fixture__echo {"text":"again"}');
    expect((await agent.settled('m2')).reply?.text).toContain('again');
    expect((await log()).match(/start/g)).toHaveLength(2);
  });

  it('keeps nobody awake, ends for a checkpoint, and is there again after it', async () => {
    await start();
    declare();
    const agent = await workspace.start(model);
    await agent.send('m1', 'tool mcp__fixture__echo {"text":"one"}');
    await agent.settled('m1');
    expect((await agent.state()).busy).toBe(false);
    await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
    await agent.stateWhen(({ checkpoint }) => checkpoint?.phase === 'Completed');
    expect(await log()).toContain('term');
    await agent.call('DELETE', '/v1/checkpoints/1');
    await agent.stop();
    await stopTools();
    stopTools = await startRealTools(workspace, '/nowhere');
    const woken = await workspace.start(model);
    await woken.send('m2', 'tool mcp__fixture__echo {"text":"two"}');
    expect((await woken.settled('m2')).reply?.text).toContain('two');
  });

  it('may take longer than its limit while it says that it gets on, and is told when a person stops it', async () => {
    await start();
    declare({}, { timeoutMs: 1_000 });
    const agent = await workspace.start(model);
    await agent.send('m1', 'tool mcp__fixture__progress {}');
    expect((await agent.settled('m1')).reply?.text).toBe('done at last');
    await agent.send('m2', 'tool mcp__fixture__wait {}');
    expect((await agent.settled('m2')).reply?.text).toContain('cut off');
    expect(await log()).toContain('cancelled');
  });

  it('can add tools, has prompts and resources', async () => {
    await start();
    declare();
    const agent = await workspace.start(model);
    await agent.send('m1', 'tool mcp__fixture__grow {}');
    await agent.settled('m1');
    await expect
      .poll(
        async () => {
          const key = `g${performance.now()}`;
          await agent.send(key, 'tool mcp__fixture__grown {}');
          return (await agent.settled(key)).reply?.text;
        },
        { timeout: 10_000 },
      )
      .toContain('grown (pid');
    await agent.send('m2', '/mcp__fixture__review "a file.ts" all its bugs');
    expect((await agent.settled('m2')).reply?.text).toBe('review a file.ts for all its bugs');
    await agent.send('m3', '/mcp__fixture__review');
    expect(await agent.settled('m3')).toMatchObject({ phase: 'Failed', reason: 'CommandFailed' });
    await agent.send('m4', 'tool ListMcpResourcesTool {}');
    const listed = (await agent.settled('m4')).reply?.text;
    expect(listed).toContain('fixture://greeting');
    expect(listed).toContain('"uriTemplate":"fixture://notes/{id}"');
    await agent.send('m5', 'tool ReadMcpResourceTool {"server":"fixture","uri":"fixture://greeting"}');
    expect((await agent.settled('m5')).reply?.text).toBe('content of fixture://greeting');
    await agent.send('m6', 'say: look at @fixture:fixture://notes/1, and @nobody:fixture://notes/2');
    await agent.settled('m6');
    expect(model.texts(-1)).toEqual([
      'say: look at @fixture:fixture://notes/1, and @nobody:fixture://notes/2',
      '<mcp-resource server="fixture" uri="fixture://notes/1">\ncontent of fixture://notes/1\n</mcp-resource>',
    ]);
  });

  it('has more to say than fits: the whole of it lies in a file', async () => {
    await start();
    declare();
    const agent = await workspace.start(model);
    await agent.send('m1', 'tool mcp__fixture__large {"chars":150000}');
    const text = (await agent.settled('m1')).reply?.text ?? '';
    expect(text.length).toBeLessThan(5_000);
    const path = /The whole output is in (\S+)\./.exec(text)?.[1] ?? '';
    expect(await readFile(path, 'utf8')).toBe('x'.repeat(150_000));
  });

  it('may ask for a higher limit for what a tool says', async () => {
    await start();
    declare();
    const agent = await workspace.start(model);
    await agent.send(
      'm1',
      ['large', 'important'].map((name) => `tool mcp__fixture__${name} {"chars":110000}`).join('\n'),
    );
    await agent.settled('m1');
    const results = (await agent.transcript())
      .flatMap((entry) => entry.message.content)
      .filter((block) => block.type === 'tool_result');
    expect(results.map(({ content }) => content.length)).toEqual([
      expect.toSatisfy((it) => it < 5_000),
      110_000,
    ]);
  });

  it('with many tools has them looked for, but for one that is always to be there', async () => {
    await start();
    declare({ MCP_MANY: '150' });
    const agent = await workspace.start(model);
    const offered = () => (model.requests.at(-1)?.tools ?? []).map((it) => it.name);
    await agent.send('m1', 'say: hello');
    await agent.settled('m1');
    expect(offered()).toContain('ToolSearch');
    expect(offered().filter((name) => name.startsWith('mcp__'))).toEqual(['mcp__fixture__important']);
    await agent.send(
      'm2',
      'tool ToolSearch {"query":"filler number 77","max_results":1}\ntool mcp__fixture__filler_77 {"text":"x"}',
    );
    const reply = (await agent.settled('m2')).reply?.text;
    expect(reply).toContain('there is no tool filler_77');
    expect(offered().filter((name) => name.startsWith('mcp__'))).toEqual(
      expect.arrayContaining(['mcp__fixture__important', 'mcp__fixture__filler_77']),
    );
    // Also after a restart.
    await agent.stop();
    const again = await workspace.start(model);
    await again.send('m3', 'tool mcp__fixture__filler_77 {"text":"x"}');
    expect((await again.settled('m3')).reply?.text).toContain('there is no tool filler_77');
  });

  it('that cannot be started is told of, and the turn goes on without it', async () => {
    await start();
    declare({ NEEDED: `\${NOT_SET_ANYWHERE}` });
    const agent = await workspace.start(model);
    await agent.send('m1', 'say: hello');
    expect((await agent.settled('m1')).reply?.text).toBe('hello');
    expect(JSON.stringify(model.requests.at(-1))).toContain('NOT_SET_ANYWHERE, which is not set');
  });

  describe('that a file of the workspace names', () => {
    const entry = { command: process.execPath, args: [fixture] };

    it('is started only once a person has let it in, and then by every session', async () => {
      await start('default', { allow: ['mcp__fixture'] });
      await project({ fixture: { ...entry, env: { MCP_LOG: join(workspace.home, 'log') } } });
      const agent = await workspace.start(model);
      await agent.send('m1', 'say: hello');
      await agent.settled('m1');
      const request = JSON.stringify(model.requests.at(-1));
      const digest = /fixture of [^[]*\[digest ([0-9a-f]{16})\]/.exec(request)?.[1];
      expect(digest).toBeDefined();
      expect(await log()).toBe('');
      await agent.send('m2', `tool ConnectMcpServer {"server":"fixture","digest":"${digest}"}`);
      const { approvals } = await agent.stateWhen(({ approvals }) => approvals.length === 1);
      expect(approvals[0]?.summary).toContain(`runs: ${process.execPath} ${fixture}`);
      expect(await log()).toBe('');
      await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
      expect((await agent.settled('m2')).reply?.text).toContain('mcp__fixture__echo');
      await agent.stop();
      const again = await workspace.start(model);
      await again.send('m3', 'tool mcp__fixture__echo {"text":"hello"}', 'other');
      expect((await again.settled('m3')).reply?.text).toContain('hello');
      // Another command is another server.
      await project({ fixture: { ...entry, args: [fixture, '--more'] } });
      await again.send('m4', 'tool mcp__fixture__echo {"text":"hello"}', 'other');
      expect((await again.settled('m4')).reply?.text).toContain('No tool named mcp__fixture__echo');
    });

    it('and that changes while a person is asked is not started', async () => {
      await start('default');
      await project({ fixture: entry });
      const agent = await workspace.start(model);
      await agent.send('m1', 'say: hello');
      await agent.settled('m1');
      const digest = /\[digest ([0-9a-f]{16})\]/.exec(JSON.stringify(model.requests.at(-1)))?.[1];
      await agent.send('m2', `tool ConnectMcpServer {"server":"fixture","digest":"${digest}"}`);
      const { approvals } = await agent.stateWhen(({ approvals }) => approvals.length === 1);
      await project({ fixture: { command: 'touch', args: [join(workspace.home, 'pwned')] } });
      await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
      expect((await agent.settled('m2')).reply?.text).toMatch(/has changed/);
      await expect(readFile(join(workspace.home, 'pwned'))).rejects.toThrow();
    });

    it('is started at once where every command would be, and never one that the class does not allow', async () => {
      await start();
      await project({ fixture: entry, other: { command: 'touch', args: [join(workspace.home, 'pwned')] } });
      workspace.config.mcp = {
        servers: [],
        allowed: [{ command: [process.execPath, fixture] }, { name: 'other' }],
      };
      const agent = await workspace.start(model);
      await agent.send('m1', 'tool mcp__fixture__echo {"text":"hello"}');
      expect((await agent.settled('m1')).reply?.text).toContain('hello');
      expect(JSON.stringify(model.requests.at(-1))).toContain('does not allow the MCP server other');
      await expect(readFile(join(workspace.home, 'pwned'))).rejects.toThrow();
    });
  });
});
