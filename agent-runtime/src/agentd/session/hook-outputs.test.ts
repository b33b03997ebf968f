import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { command, HookedAgent } from '../testing/hooked-agent.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');
const says = (answer: object) => `echo '${JSON.stringify({ hookSpecificOutput: answer })}'`;

let agent: HookedAgent;
afterEach(() => agent.close());

describe('what a hook shows in place of a result', () => {
  it('by its older name is for tools of MCP servers', async () => {
    const server = { name: 'fixture', command: process.execPath, args: [fixture] };
    const hooks = { PostToolUse: command(says({ updatedMCPToolOutput: 'withheld' })) };
    agent = await HookedAgent.start(hooks, { servers: [server] });
    await agent.send('run: echo plain\ntool mcp__fixture__echo {"text":"secret"}');
    const [plain, ofServer] = (await agent.results()).map(({ content }) => content);
    expect(plain).toMatch(/^plain/);
    expect(ofServer).toBe('withheld');
  });

  it('replaces what is more than text, too', async () => {
    agent = await HookedAgent.start({ PostToolUse: command(says({ updatedToolOutput: 'withheld' })) });
    const cell = { cell_type: 'code', source: 'secret', metadata: {}, outputs: [] };
    const notebook = { cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 };
    await agent.workspace.put('a.ipynb', JSON.stringify(notebook));
    await agent.send('tool Read {"file_path":"a.ipynb"}');
    expect((await agent.results()).map(({ content }) => content)).toEqual(['withheld']);
  });
});

describe('a title that a hook gives', () => {
  const title = async () => {
    const { body } = await agent.agent.call('GET', '/v1/sessions');
    return body[0].title;
  };

  it('names the session, over a restart, unless the prompt is refused', async () => {
    agent = await HookedAgent.start({
      SessionStart: command(says({ sessionTitle: 'begun' })),
      UserPromptSubmit: command(
        `prompt=$(cat); case "$prompt" in
          *refused*) echo '{"decision":"block","hookSpecificOutput":{"sessionTitle":"not this"}}';;
          *other*) ${says({ sessionTitle: ' the\nother ' })};;
        esac`,
      ),
    });
    await agent.send('say: hello');
    expect(await title()).toBe('begun');
    await agent.send('say: other');
    await agent.send('say: refused');
    expect(await title()).toBe('the other');
    await agent.agent.stop();
    await agent.workspace.put('.claude/settings.json', '{}');
    agent.agent = await agent.workspace.start(agent.model);
    expect(await title()).toBe('the other');
  });
});
