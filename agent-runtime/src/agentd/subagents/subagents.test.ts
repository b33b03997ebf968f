import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingModel } from '../testing/recording-model.ts';
import { eventually, type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let model: RecordingModel;
let agent: RunningAgent;

async function start(change: Parameters<typeof TestWorkspace.create>[0] = {}): Promise<void> {
  workspace = await TestWorkspace.create(change);
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
async function restart(): Promise<void> {
  await agent.stop();
  agent = await workspace.start(model);
}
afterEach(() => workspace.close());

/** A line of a script that calls a subagent with this script. */
const call = (prompt: string, more: object = {}) =>
  `tool Agent ${JSON.stringify({ description: 'a task', prompt, ...more })}`;
const fileOf = (id: string) => join(workspace.state, `transcripts/main/subagents/agent-${id}.jsonl`);
async function subagentTranscript(id: string): Promise<Json[]> {
  const text = await readFile(fileOf(id), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
const idIn = (text: string | undefined) => /agentId: (\w+)/.exec(text ?? '')?.[1] ?? 'none';

describe('a subagent', () => {
  it('works in a conversation of its own, whose report is the result of the call', async () => {
    await start();
    await agent.send(
      'm1',
      `remember: of the parent\n${call('remember: of the child\nrun: echo done\nrecall')}`,
    );
    const { reply, usage } = await agent.settled('m1');
    expect(reply?.text).toContain('done\nof the child\n');
    const id = idIn(reply?.text);
    const own = await subagentTranscript(id);
    expect(own.map((entry) => entry.message.role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(own[0]).toMatchObject({ isSidechain: true, agentId: id, sessionId: 'main', parentUuid: null });
    const main = await agent.transcript();
    expect(main.every((entry) => entry.isSidechain === false)).toBe(true);
    const spent = (entries: Json[]) =>
      entries.reduce((sum, entry) => sum + (entry.message.usage?.output_tokens ?? 0), 0);
    expect(usage?.outputTokens).toBe(spent(main) + spent(own));
    expect(await agent.transcript(`main.agent-${id}`)).toEqual(own);
    const requests = model.requests.map((request) => request.system);
    expect(requests.filter((system) => system.includes('given a task by another agent'))).toHaveLength(2);
  });

  it('has the tools of its kind alone', async () => {
    await start();
    await agent.send('m1', call('write a.txt: x', { subagent_type: 'Explore' }));
    expect((await agent.settled('m1')).reply?.text).toContain('No tool named Write was offered');
    const offered = model.requests[1]?.tools.map((tool) => tool.name);
    expect(offered).toEqual(['Bash', 'Read', 'Glob', 'Grep']);
  });

  it('that there is not is answered with those that there are, and one that a rule denies does not start', async () => {
    await start({ permissions: { deny: ['Agent(Plan)'] } });
    await agent.send(
      'm1',
      `${call('say: x', { subagent_type: 'nobody' })}\n${call('say: x', { subagent_type: 'Plan' })}`,
    );
    const text = (await agent.settled('m1')).reply?.text ?? '';
    expect(text).toMatch(/There is no subagent nobody[\s\S]*- general-purpose: /);
    expect(text).toContain('the rule Agent(Plan) forbids it');
  });

  it('calls others, three deep and no deeper', async () => {
    await start();
    await agent.send('m1', call(call(call(call('say: too deep')))));
    const { reply } = await agent.settled('m1');
    expect(reply?.text).toContain('No tool named Agent was offered');
    expect(reply?.text).not.toContain('\ntoo deep');
  });

  it('asks a person as its session does, and the workspace may sleep until they answer', async () => {
    await start({ permissions: { mode: 'default' } });
    await agent.send('m1', call('run: touch made'));
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]).toMatchObject({
      session: 'main',
      summary: 'subagent general-purpose (a task): touch made',
    });
    expect((await agent.state()).subagents).toMatchObject([
      { status: 'waiting', agentType: 'general-purpose' },
    ]);
    await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
    await agent.stateWhen((state) => state.checkpoint?.phase === 'Completed');
    await restart();
    expect((await agent.stateWhen((state) => !state.busy)).restore.outcome).toBe('Checkpoint');
    expect(workspace.tools.commands).toEqual([]);
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    expect((await agent.settled('m1')).phase).toBe('Completed');
    expect(workspace.tools.commands).toEqual(['touch made']);
  });

  it('goes on after a crash, once, and says that there was one', async () => {
    await start();
    await agent.send('m1', call('run: echo first\nwait: 3\nrun: echo second'));
    const { subagents } = await agent.stateWhen((state) => state.subagents.length === 1);
    await eventually(
      () => agent.transcript(`main.agent-${subagents[0]?.id}`),
      (entries) => entries.length === 3,
    );
    await restart();
    const text = (await agent.settled('m1')).reply?.text ?? '';
    expect(text).toMatch(/first\nwaited 3 s\nsecond/);
    expect(text).toContain('The workspace restarted while this subagent worked');
    expect(workspace.tools.commands).toEqual(['echo first', 'echo second']);
  });

  it('is told what nobody knows of: a call of its own that a crash cut off', async () => {
    await start();
    await agent.send('m1', call('run: echo x; sleep 30'));
    await workspace.commandBegins();
    await restart();
    expect((await agent.settled('m1')).reply?.text).toContain('interrupted because the workspace restarted');
    expect(workspace.tools.commands).toHaveLength(1);
  });

  it('ends with the turn that waits for it when a person stops that', async () => {
    await start();
    await agent.send('m1', call(call('run: sleep 30')));
    await agent.stateWhen((state) => state.subagents.length === 2 && workspace.tools.commands.length === 1);
    await agent.call('POST', '/v1/sessions/main/interrupt');
    expect(await agent.settled('m1')).toMatchObject({ reason: 'Interrupted' });
    await agent.stateWhen((state) => state.subagents.length === 0 && !state.busy);
    await agent.send('m2', 'say: on');
    expect((await agent.settled('m2')).reply?.text).toBe('on');
  });
});

describe('a subagent in the background', () => {
  beforeEach(() => start());

  it('keeps the workspace awake, and its end begins a turn that tells of it', async () => {
    const gate = join(workspace.home, 'go');
    const wait = `run: until [ -e ${gate} ]; do sleep 0.05; done; echo found`;
    await agent.send('m1', call(wait, { run_in_background: true }));
    expect((await agent.settled('m1')).reply?.text).toContain('works in the background');
    const state = await agent.stateWhen((it) => it.sessions[0]?.status === 'idle');
    expect(state).toMatchObject({ busy: true, busyReasons: [{ kind: 'background', session: 'main' }] });
    await agent.send('m2', 'say: meanwhile');
    expect((await agent.settled('m2')).reply?.text).toBe('meanwhile');
    await workspace.put('go', '');
    await agent.stateWhen(
      (it) => !it.busy && it.subagents.length === 0 && (it.sessions[0]?.entries ?? 0) > 8,
    );
    const told = (await agent.transcript()).filter((entry) => entry.toldBackground !== undefined);
    expect(told).toHaveLength(1);
    expect(told[0].message.content[0].text).toMatch(/<status>completed<\/status>[\s\S]*found/);
    await restart();
    await agent.send('m3', 'say: later');
    await agent.settled('m3');
    expect(JSON.stringify(await agent.transcript()).split('<task-notification>\\n<task-id>')).toHaveLength(2);
  });

  it('is told in the turn that is under way', async () => {
    await agent.send('m1', `${call('say: found', { run_in_background: true })}\nwait: 1\nrun: echo x`);
    await agent.settled('m1');
    const entries = await agent.transcript();
    const told = entries.findIndex((entry) => entry.toldBackground !== undefined);
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(entries.length - 1);
    expect(entries.filter((entry) => entry.messageKey !== undefined)).toHaveLength(1);
  });

  it('is stopped by TaskStop, with what it left running', async () => {
    await agent.send(
      'm1',
      call('tool Bash {"command":"sleep 99","run_in_background":true}\nwait: 30', {
        run_in_background: true,
      }),
    );
    await agent.settled('m1');
    const { background, subagents } = await agent.stateWhen((state) => state.background.length === 1);
    await agent.send('m2', `tool TaskStop {"task_id":"${subagents[0]?.id}"}`);
    expect((await agent.settled('m2')).reply?.text).toContain('was stopped before it was done');
    await agent.stateWhen((state) => state.background.length === 0 && !state.busy);
    expect(workspace.tools.tasks.get(background[0]?.id ?? '')?.status).toBe('killed');
    expect((await agent.transcript()).filter((entry) => entry.messageKey !== undefined)).toHaveLength(2);
  });

  it('that is ignorable lets the workspace sleep, and goes on at the wake', async () => {
    const gate = join(workspace.home, 'go');
    const wait = `run: echo begun\nrun: [ -e ${gate} ] || sleep 30; echo over`;
    await agent.send('m1', call(wait, { run_in_background: true, ignorable: true }));
    await agent.settled('m1');
    await agent.stateWhen((state) => !state.busy && workspace.tools.commands.length === 2);
    await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
    await agent.stateWhen((state) => state.checkpoint?.phase === 'Completed');
    const [child] = (await agent.state()).subagents;
    const before = await subagentTranscript(child?.id ?? '');
    await workspace.put('go', '');
    await restart();
    await agent.stateWhen((state) => !state.busy && state.subagents.length === 0);
    const after = await subagentTranscript(child?.id ?? '');
    expect(after.slice(0, before.length)).toEqual(before);
    expect(JSON.stringify(after)).toContain('interrupted because the workspace restarted');
  });

  it('works on with all that it knows when it is sent more', async () => {
    await agent.send('m1', call('remember: the number 7'));
    const id = idIn((await agent.settled('m1')).reply?.text);
    await restart();
    await agent.send('m2', `tool SendMessage ${JSON.stringify({ to: id, message: 'recall' })}`);
    expect((await agent.settled('m2')).reply?.text).toContain(`Sent to ${id}`);
    await agent.stateWhen((state) => !state.busy && state.subagents.length === 0);
    const told = (await agent.transcript()).filter((entry) => entry.toldBackground !== undefined);
    expect(JSON.stringify(told.at(-1))).toContain('the number 7');
  });

  it('is refused when twenty are at work', async () => {
    const many = Array.from({ length: 21 }, () => call('wait: 30', { run_in_background: true })).join('\n');
    await agent.send('m1', many);
    expect((await agent.settled('m1')).reply?.text).toContain('20 subagents are at work, as many as may be');
  });
});
