import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { hooksConfig } from '../../protocol/hooks.ts';
import { HookedAgent } from '../testing/hooked-agent.ts';
import { McpHttpServer } from '../testing/mcp-http-server.ts';
import type { Json } from '../testing/workspace.ts';
import { filledIn } from './filled-in.ts';

describe('the input of an MCP tool that a hook calls', () => {
  const told = { cwd: '/h', tool_input: { file_path: '/h/a', lines: [1, 2], none: null } };
  const field = (path: string) => ['$', '{', path, '}'].join('');

  it('has in its texts, however deep, what the hook is told', () => {
    const input = {
      path: field('tool_input.file_path'),
      deep: [{ text: `in ${field('cwd')}: ${field('tool_input.lines')}` }, 3],
      ...{
        absent: field('tool_input.other'),
        none: field('tool_input.none'),
        inherited: field('cwd.length'),
      },
      kept: '$cwd {cwd}',
    };
    expect(filledIn(input, told)).toEqual({
      path: '/h/a',
      deep: [{ text: 'in /h: [1,2]' }, 3],
      ...{ absent: '', none: '', inherited: '' },
      kept: '$cwd {cwd}',
    });
  });
});

describe('hooks of the type mcp_tool', () => {
  let agent: HookedAgent;
  let server: McpHttpServer;
  afterEach(async () => {
    await agent.close();
    await server.close();
  });

  const hook = (more: object = {}) => ({
    hooks: [
      {
        ...{ type: 'mcp_tool', server: 'web', tool: 'judge' },
        input: { command: ['$', '{tool_input.command}'].join('') },
        ...more,
      },
    ],
  });
  async function start(hooks: object, change: Parameters<typeof HookedAgent.start>[1] = {}): Promise<void> {
    server = await McpHttpServer.modern((made) => {
      made.registerTool('judge', { inputSchema: z.object({ command: z.string() }) }, async ({ command }) => {
        if (command === 'echo broken')
          return { isError: true, content: [{ type: 'text', text: 'it broke' }] };
        const denies = { permissionDecision: 'deny', permissionDecisionReason: `not ${command}` };
        const text = command === 'echo bad' ? JSON.stringify({ hookSpecificOutput: denies }) : 'fine';
        return { content: [{ type: 'text', text }] };
      });
    });
    agent = await HookedAgent.start(hooks, change);
    const declared = {
      name: 'web',
      url: server.url,
      transport: 'http' as const,
      args: [],
      env: {},
      headers: {},
    };
    agent.workspace.config.mcp = { servers: [{ ...declared, alwaysLoad: false }] };
    await agent.restart();
  }
  const contents = async () => (await agent.results()).map((it: Json) => it.content);

  it('call a tool of a connected server, whose text is the answer', async () => {
    await start({ PreToolUse: [{ matcher: 'Bash', ...hook() }] });
    await agent.send('run: echo good\nrun: echo bad\nrun: echo broken');
    expect(await contents()).toEqual([
      expect.stringMatching(/^good/),
      'A hook refused this call: not echo bad',
      expect.stringMatching(/^broken/),
    ]);
  });

  it('fail where the tool does, or there is none, or no such server', async () => {
    const closed = (more: object) => ({ matcher: 'Bash', ...hook({ onFailure: 'closed', ...more }) });
    await start({ PreToolUse: [closed({})] });
    await agent.send('run: echo broken');
    await agent.workspace.put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { PreToolUse: [closed({ tool: 'none' })] } }),
    );
    await agent.send('run: echo good');
    await agent.workspace.put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { PreToolUse: [closed({ server: 'gone' })] } }),
    );
    await agent.send('run: echo good');
    expect(await contents()).toEqual([
      expect.stringContaining('the tool judge of web failed: it broke'),
      expect.stringContaining('the MCP server web has no tool none'),
      expect.stringContaining('There is no MCP server gone. There are: web.'),
    ]);
  });

  it('run only where the rules let the tool run unasked, or the class lets all hooks run', async () => {
    const permissions = { mode: 'default' as const, allow: ['Bash(echo *)'] };
    await start({ PreToolUse: [hook()] }, { permissions });
    await agent.send('run: echo bad');
    expect((await contents())[0]).toMatch(/^bad/);
    expect(JSON.stringify(agent.model.requests.at(-1)?.messages)).toContain(
      'no rule permits its tool `mcp__web__judge`',
    );
    agent.workspace.config.permissions.allow.push('mcp__web__judge');
    await agent.restart();
    await agent.send('run: echo bad');
    expect((await contents())[1]).toContain('not echo bad');
    agent.workspace.config.permissions.allow.pop();
    agent.workspace.config.hooks = hooksConfig.parse({ workspace: 'Run' });
    await agent.restart();
    await agent.send('run: echo bad');
    expect((await contents())[2]).toContain('not echo bad');
  });
});
