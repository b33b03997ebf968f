import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SettingsFile } from '../../settings/settings.ts';
import { startRealTools } from '../../testing/real-tools.ts';
import { RecordingModel } from '../../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../../testing/workspace.ts';
import { autoMemoryOf } from './auto-memory.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;
/** The folder of the notes, from the home. */
let folder: string;

beforeEach(async () => {
  workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
  endTools = await startRealTools(workspace, '/bin/false');
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
  folder = `.claude/projects/${workspace.home.replace(/[^A-Za-z0-9]/g, '-')}/memory`;
});
afterEach(async () => {
  await endTools();
  await workspace.close();
});

let count = 0;
async function tell(text: string, session = 'main'): Promise<string> {
  count += 1;
  await agent.send(`m${count}`, text, session);
  return (await agent.settled(`m${count}`)).reply?.text ?? '';
}
const index = () => `${folder}/MEMORY.md`;
const opening = () => model.texts(0).slice(0, -1).join('\n');
const told = () => JSON.stringify(model.requests.at(-1)?.messages);
const reminders = async (session = 'main') =>
  (await agent.transcript(session)).filter((entry) => entry.contextFiles !== undefined);

describe('the notes of an agent', () => {
  it('are written unasked with the ordinary tools, and every later conversation has their index', async () => {
    await tell(`write ${index()}: - [Tabs](tabs.md)\nwrite ${folder}/tabs.md: INDENT\nsay: noted`);
    // What a session wrote it knows.
    expect(await reminders()).toEqual([]);
    await tell('say: hi', 'second');
    expect(told()).toContain('- [Tabs](tabs.md)');
    expect(told()).not.toContain('INDENT');
    expect(opening()).toContain(join(workspace.home, folder));
    expect(await tell(`read ${folder}/tabs.md`, 'second')).toContain('INDENT');
    await tell('say: hi', 'second');
    expect(await reminders('second')).toHaveLength(1);
  });

  it('leave the opening of a conversation as it was, so that the prompt cache holds', async () => {
    await tell('say: hi');
    const before = opening();
    await tell(`write ${index()}: - [Tabs](tabs.md)`);
    await tell('say: hi');
    expect(opening()).toBe(before);
  });

  it('are told again when something else changed them, and after a summary', async () => {
    await workspace.put(index(), '- FIRST');
    await tell('say: hi');
    await workspace.put(index(), '- SECOND');
    await tell('say: hi');
    expect(await reminders()).toHaveLength(2);
    await tell('/compact');
    await tell('say: hi');
    expect(told().match(/SECOND/g)).toHaveLength(1);
    await agent.stop();
    agent = await workspace.start(model);
    await tell('say: hi');
    expect(await reminders()).toHaveLength(3);
  });

  it('are shown up to 200 lines or 25 KB, and who writes more is told at once', async () => {
    const lines = Array.from({ length: 250 }, (_, at) => `- line ${at + 1}.`);
    await workspace.put('long.txt', lines.join('\n'));
    await workspace.put(index(), lines.slice(0, 10).join('\n'));
    await tell('say: hi');
    await workspace.put(index(), lines.join('\n'));
    await tell('say: hi');
    expect(told()).toContain('line 200.');
    expect(told()).not.toContain('line 201.');
    expect(told()).toContain('has 250 lines');
    await rm(join(workspace.home, index()));
    await tell(`write ${index()}: ${'é'.repeat(13_000)}`);
    expect((await reminders()).at(-1).message.content[0].text).toMatch(/26000 bytes, more than/);
  });

  it('are neither told of nor written unasked where a settings file says so', async () => {
    await workspace.put(index(), '- NOTE');
    await workspace.put('.claude/settings.json', '{"autoMemoryEnabled": false}');
    await tell('say: hi');
    expect(opening() + told()).not.toMatch(/NOTE|memory/);
    count += 1;
    await agent.send(`m${count}`, `write ${folder}/tabs.md: INDENT`);
    await agent.until(`m${count}`, ({ reason }) => reason === 'WaitingForApproval');
  });

  it('give way to a rule that denies them, and a folder that a file names is as any other', async () => {
    await workspace.put('.claude/settings.json', '{"permissions": {"deny": ["Edit(~/.claude/**)"]}}');
    expect(await tell(`write ${folder}/a.md: A`)).toContain('Not permitted');
    await workspace.put('.claude/settings.json', '{"autoMemoryDirectory": "~/notes"}');
    await workspace.put('notes/MEMORY.md', '- ELSEWHERE');
    await tell('say: hi');
    expect(told()).toContain('ELSEWHERE');
    count += 1;
    await agent.send(`m${count}`, 'write notes/a.md: A');
    await agent.until(`m${count}`, ({ reason }) => reason === 'WaitingForApproval');
  });
});

describe('the switch', () => {
  const file = (settings: object) => ({ settings }) as unknown as SettingsFile;
  const of = (files: SettingsFile[], environment: Record<string, string>) =>
    autoMemoryOf('/home/agent', '/home/agent', files, environment)?.folder;

  it('is on by itself; the nearest file counts, and the environment for more than any', () => {
    const usual = '/home/agent/.claude/projects/-home-agent/memory';
    expect(of([], {})).toBe(usual);
    expect(of([file({ autoMemoryEnabled: false }), file({ autoMemoryEnabled: true })], {})).toBe(usual);
    expect(of([file({ autoMemoryEnabled: false }), file({})], {})).toBeUndefined();
    expect(of([], { CLAUDE_CODE_DISABLE_AUTO_MEMORY: '1' })).toBeUndefined();
    expect(of([file({ autoMemoryEnabled: false })], { CLAUDE_CODE_DISABLE_AUTO_MEMORY: '0' })).toBe(usual);
  });
});
