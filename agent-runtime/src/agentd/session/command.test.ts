import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { MessageRecord } from '../../protocol/messages.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { eventually, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import { commandOf } from './command.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;

type Permissions = Partial<TestWorkspace['config']['permissions']>;
async function start(permissions: Permissions = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
const put = (path: string, text: string) => workspace.put(path, text);
let count = 0;
async function send(text: string): Promise<MessageRecord> {
  count += 1;
  await agent.send(`c${count}`, text);
  return agent.settled(`c${count}`);
}

describe('a message that begins with a slash', () => {
  it.each([
    ['/a', { name: 'a', args: '' }],
    ['/a:b  one\ntwo ', { name: 'a:b', args: 'one\ntwo' }],
    [' /a', undefined],
    ['/ a', undefined],
    ['a /b', undefined],
  ])('%j calls %j', (text, call) => expect(commandOf(text)).toEqual(call));
});

describe('a command', () => {
  afterEach(async () => {
    await endTools();
    await workspace.close();
  });

  it('/init asks for a CLAUDE.md, unless a file has that name', async () => {
    await start();
    await send('/init and name the ports');
    expect(model.texts(-1).join('\n')).toMatch(/Write the file CLAUDE\.md.*Besides: and name the ports/s);
    await put('.claude/commands/init.md', 'say: mine');
    expect((await send('/init')).reply?.text).toBe('mine');
  });

  it('is run with its arguments, files and the output of its commands, and the transcript holds it', async () => {
    await start();
    await put('notes.txt', 'NOTES');
    await put(
      '.claude/commands/front/say.md',
      '---\ndescription: Says.\n---\nsay: $0 and !`echo printed`\nsay: @$1 `@notes.txt`',
    );
    const { reply } = await send('/front:say first notes.txt');
    expect(reply?.text).toContain('first and printed');
    expect(model.texts(-1).join('\n')).toMatch(/Contents of \S+notes\.txt:\n\nNOTES/);
    const [prompt] = await agent.transcript();
    expect(prompt).toMatchObject({
      type: 'user',
      messageKey: `c${count}`,
      message: {
        role: 'user',
        content: [
          { text: '<command-name>/front:say</command-name>\n<command-args>first notes.txt</command-args>' },
          { text: expect.stringContaining('say: first and printed') },
        ],
      },
    });
    await put('.claude/commands/front/say.md', 'say: changed');
    await agent.stop();
    agent = await workspace.start(model);
    expect((await send('say: later')).reply?.text).toBe('later');
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain('first and printed');
  });

  it('is any skill that a person may start, also one that the model may not', async () => {
    await start();
    await put(
      '.claude/skills/deploy/SKILL.md',
      '---\ndisable-model-invocation: true\n---\nsay: deployed $ARGUMENTS',
    );
    expect((await send('/deploy to prod')).reply?.text).toBe('deployed to prod');
  });

  it('that there is not is answered with those that there are, and no model is asked', async () => {
    await start();
    await put('.claude/commands/make.md', 'say: made');
    await put('.claude/skills/inner/SKILL.md', '---\nuser-invocable: no\n---\nx');
    expect(await send('/mkae it')).toMatchObject({
      phase: 'Failed',
      reason: 'UnknownCommand',
      message: expect.stringMatching(/no command \/mkae\. There are: \/compact, \/init, \/loop, \/make\./),
    });
    expect((await send('/inner')).message).toContain('/inner is for the agent alone');
    expect(model.requests).toHaveLength(0);
    expect(await agent.transcript()).toEqual([]);
    expect((await send('/home/x is a path')).phase).toBe('Completed');
    expect((await send(' /mkae is text')).phase).toBe('Completed');
  });

  it('may use what it asks for, for its turn, and what it runs inside is held to the same rules', async () => {
    await start({ mode: 'default', deny: ['Bash(echo secret)'] });
    const fields = '---\nallowed-tools: Bash(echo *)\n---\n';
    await put('.claude/commands/ok.md', `${fields}run: echo \${CLAUDE_SESSION_ID}\nsay: !\`echo inside\``);
    expect((await send('/ok')).reply?.text).toBe('main\ninside');
    await put('.claude/commands/no.md', `${fields}say: !\`touch made\``);
    expect(await send('/no')).toMatchObject({
      phase: 'Failed',
      reason: 'CommandFailed',
      message: expect.stringContaining('no rule permits its command `touch made`'),
    });
    await put('.claude/commands/denied.md', `${fields}say: !\`echo secret\``);
    expect((await send('/denied')).reason).toBe('CommandFailed');
    await put('.claude/commands/fails.md', `${fields}say: !\`echo why >&2; exit 3\``);
    workspace.config.permissions.mode = 'bypassPermissions';
    await agent.stop();
    agent = await workspace.start(model);
    expect((await send('/fails')).message).toMatch(/why[\s\S]*\[Exit code 3\]/);
  });

  it('is not run again after a crash in the middle of it', async () => {
    await start();
    await put('.claude/commands/slow.md', 'say: !`echo x >> runs; sleep 30`');
    count += 1;
    const key = `c${count}`;
    await agent.send(key, '/slow');
    const runs = () => readFile(join(workspace.home, 'runs'), 'utf8').catch(() => '');
    await eventually(runs, (text) => text === 'x\n');
    await agent.stop();
    agent = await workspace.start(model);
    expect(await agent.settled(key)).toMatchObject({
      phase: 'Failed',
      reason: 'CommandFailed',
      message: expect.stringContaining('were not run again'),
    });
    expect(await runs()).toBe('x\n');
  });
});
