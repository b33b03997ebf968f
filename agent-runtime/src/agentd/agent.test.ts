import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseFault } from '../../../test/support/model-server/fault.ts';
import { TestWorkspace } from './testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

describe('a message', () => {
  it('is worked on with tools, and its record holds the reply and what it cost', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    const accepted = await agent.send('m1', 'run: echo one\nwrite a.txt: hello\nread a.txt');
    expect(accepted).toMatchObject({ key: 'm1', session: 'main', phase: 'Queued' });
    const record = await agent.settled('m1');
    expect(record).toMatchObject({ phase: 'Completed' });
    expect(record.reply?.text).toContain('one');
    expect(record.reply?.text).toContain('hello');
    expect(record.usage?.outputTokens).toBeGreaterThan(0);
    expect(record.usage?.cacheReadTokens).toBeGreaterThan(0);
    const entries = await agent.transcript();
    expect(entries.map((entry) => entry.message.role)).toEqual([
      'user',
      ...Array(3).fill(['assistant', 'user']).flat(),
      'assistant',
    ]);
    for (const [index, entry] of entries.entries())
      expect(entry.parentUuid).toBe(index === 0 ? null : entries[index - 1].uuid);
  });

  it('enters the transcript once however often it is sent, and across a restart', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await Promise.all([
      first.send('m1', 'say: hi'),
      first.send('m1', 'say: hi'),
      first.send('m1', 'say: hi'),
    ]);
    await first.settled('m1');
    await first.stop();
    const second = await workspace.start();
    expect(
      (await second.call('POST', '/v1/messages', { key: 'm1', session: 'other', text: 'x' })).status,
    ).toBe(200);
    expect(await second.record('m1')).toMatchObject({ phase: 'Completed', reply: { text: 'hi' } });
    expect((await second.transcript()).filter((entry) => entry.messageKey === 'm1')).toHaveLength(1);
  });

  it('uses what an earlier one said, also after a restart', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await first.send('m1', 'remember: the door is green');
    await first.settled('m1');
    await first.stop();
    const second = await workspace.start();
    await second.send('m2', 'recall');
    expect((await second.settled('m2')).reply?.text).toBe('the door is green');
  });

  it('waits for its turn in its session while other sessions work', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('slow', 'wait: 1');
    await agent.send('next', 'say: done');
    await agent.send('other', 'say: done', 'second');
    expect((await agent.settled('other')).phase).toBe('Completed');
    expect((await agent.record('next')).phase).toBe('Queued');
    expect((await agent.state()).busyReasons).toEqual([
      expect.objectContaining({ kind: 'turn', session: 'main' }),
    ]);
    expect((await agent.settled('next')).phase).toBe('Completed');
    expect(await agent.state()).toMatchObject({ busy: false, openMessages: 0 });
  });
});

describe('the model', () => {
  it.each(['429 retry-after 1', '500', '529', 'cut after 3', 'error after 3'])(
    'is asked again after %s',
    async (text) => {
      workspace = await TestWorkspace.create({}, { faults: [parseFault(text), undefined] });
      const agent = await workspace.start();
      const started = performance.now();
      await agent.send('m1', 'say: in the end');
      await agent.until('m1', (record) => record.reason === 'ModelUnavailable');
      expect((await agent.state()).modelProblem).toBeDefined();
      expect((await agent.settled('m1')).reply?.text).toBe('in the end');
      if (text.startsWith('429')) expect(performance.now() - started).toBeGreaterThan(1000);
      expect((await agent.state()).modelProblem).toBeUndefined();
      expect(await agent.transcript()).toHaveLength(2);
    },
  );

  it('fails the message when it refuses the request, and the next message works', async () => {
    workspace = await TestWorkspace.create({}, { faults: [parseFault('400')] });
    const agent = await workspace.start();
    await agent.send('m1', 'say: x');
    expect(await agent.settled('m1')).toMatchObject({ phase: 'Failed', reason: 'ModelRefused' });
    await agent.send('m2', 'say: y');
    expect((await agent.settled('m2')).reply?.text).toBe('y');
  });

  it('keeps the message while the credential is wrong, and goes on at once with a new one', async () => {
    workspace = await TestWorkspace.create();
    workspace.credential = 'old';
    const agent = await workspace.start();
    await agent.send('m1', 'say: x');
    await agent.until('m1', (record) => record.phase === 'Working' && record.reason === 'ModelUnauthorized');
    expect((await agent.state()).modelProblem).toMatchObject({ reason: 'Unauthorized', status: 401 });
    workspace.credential = 'model-key';
    const { status } = await agent.call('PUT', '/v1/config', {
      config: { ...workspace.config, revision: '2' },
    });
    expect(status).toBe(200);
    expect((await agent.settled('m1', 2000)).phase).toBe('Completed');
    expect((await agent.state()).configRevision).toBe('2');
  });

  it('fails the message when the gateway says that a budget is spent, in its words, and does not ask again', async () => {
    workspace = await TestWorkspace.create();
    let asked = 0;
    const gateway = createServer((_request, response) => {
      asked += 1;
      const headers = {
        'x-dormouse-reason': 'CostBudgetSpent',
        'x-should-retry': 'false',
        'retry-after': '60',
      };
      response.writeHead(429, { ...headers, 'content-type': 'application/json' });
      response.end('{"type":"error","error":{"type":"rate_limit_error","message":"spent until midnight"}}');
    });
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    workspace.config.model.baseUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    const agent = await workspace.start();
    await agent.send('m1', 'say: x');
    expect(await agent.settled('m1')).toMatchObject({
      phase: 'Failed',
      reason: 'CostBudgetSpent',
      message: 'spent until midnight',
    });
    expect((await agent.state()).modelProblem).toMatchObject({ reason: 'BudgetSpent', from: 'gateway' });
    expect(asked).toBe(1);
    gateway.closeAllConnections();
    gateway.close();
  });

  it('is not asked more often than maxTurns, nor beyond the tokens of a day, also after a restart', async () => {
    workspace = await TestWorkspace.create({ model: { maxTurns: 2, maxTokensPerDay: 1_000_000 } });
    const first = await workspace.start();
    await first.send('m1', 'run: true\nrun: true\nrun: true');
    expect(await first.settled('m1')).toMatchObject({ phase: 'Failed', reason: 'MaxTurns' });
    await first.stop();
    workspace.config.model.maxTokensPerDay = 10;
    const second = await workspace.start();
    await second.send('m2', 'say: x');
    expect(await second.settled('m2')).toMatchObject({ phase: 'Failed', reason: 'TokenBudgetSpent' });
  });
});

describe('a tool call', () => {
  it('that needs consent waits without keeping the workspace busy, survives a restart and goes on when allowed', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const first = await workspace.start();
    await first.send('m1', 'run: echo allowed');
    await first.until('m1', (record) => record.reason === 'WaitingForApproval');
    await first.stateWhen((state) => !state.busy);
    expect((await first.state()).sessions).toEqual([
      expect.objectContaining({ id: 'main', status: 'waiting' }),
    ]);
    await first.stop();
    const second = await workspace.start();
    const [approval] = (await second.state()).approvals;
    expect(approval).toMatchObject({ tool: 'Bash', summary: 'echo allowed' });
    expect(workspace.tools.commands).toEqual([]);
    expect((await second.call('POST', `/v1/approvals/${approval?.id}`, { decision: 'allow' })).status).toBe(
      200,
    );
    expect((await second.settled('m1')).reply?.text).toBe('allowed');
    expect((await second.call('POST', `/v1/approvals/${approval?.id}`, { decision: 'allow' })).status).toBe(
      409,
    );
    expect(workspace.tools.commands).toEqual(['echo allowed']);
  });

  it('that is denied is not run, and the model is told why', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const agent = await workspace.start();
    await agent.send('m1', 'run: echo no');
    const state = await agent.stateWhen(({ approvals }) => approvals.length === 1);
    await agent.call('POST', `/v1/approvals/${state.approvals[0]?.id}`, {
      decision: 'deny',
      reason: 'not today',
    });
    expect((await agent.settled('m1')).reply?.text).toContain('not today');
    expect(workspace.tools.commands).toEqual([]);
  });

  it('that waits runs when a new configuration permits it', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const agent = await workspace.start();
    await agent.send('m1', 'run: echo permitted');
    await agent.stateWhen(({ approvals, busy }) => approvals.length === 1 && !busy);
    workspace.config.permissions.allow = ['Bash(echo *)'];
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    expect((await agent.settled('m1')).reply?.text).toBe('permitted');
    expect((await agent.state()).approvals).toEqual([]);
  });

  it('with a wrong name or input gets an answer that the model can act on', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'tool Bash {"command":"true","timeout":-1}');
    expect((await agent.settled('m1')).reply?.text).toContain('timeout');
  });

  it('changes an existing file only as it was last read, also after a restart', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await first.send('m1', 'run: echo old > a.txt\nwrite a.txt: new');
    expect((await first.settled('m1')).reply?.text).toContain('Read it before');
    await first.send('m2', 'read a.txt');
    await first.settled('m2');
    await first.stop();
    const second = await workspace.start();
    await second.send('m3', 'write a.txt: new\nrun: echo other > a.txt\nwrite a.txt: newer');
    const text = (await second.settled('m3')).reply?.text;
    expect(text).toContain('Replaced');
    expect(text).toContain('has changed since you read it');
  });

  it('is ended by an interrupt, which fails the message and lets the next one work', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'run: exec sleep 60');
    await agent.send('m2', 'say: next');
    await agent.stateWhen(() => workspace.tools.commands.length === 1);
    expect((await agent.call('POST', '/v1/sessions/main/interrupt')).status).toBe(202);
    expect(await agent.settled('m1')).toMatchObject({ phase: 'Failed', reason: 'Interrupted' });
    expect((await agent.settled('m2')).reply?.text).toBe('next');
    const entries = await agent.transcript();
    expect(
      entries.some((entry) =>
        JSON.stringify(entry.message.content).includes('[Request interrupted by user]'),
      ),
    ).toBe(true);
    expect((await agent.call('POST', '/v1/sessions/main/interrupt')).status).toBe(409);
  });
});

describe('a session', () => {
  it('can be forked, and the two go on apart', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', 'remember: apples');
    await agent.settled('m1');
    expect((await agent.call('POST', '/v1/sessions/main/fork', { session: 'side' })).status).toBe(201);
    await agent.send('m2', 'remember: pears', 'side');
    await agent.settled('m2');
    await agent.send('m3', 'recall', 'side');
    await agent.send('m4', 'recall');
    expect((await agent.settled('m3')).reply?.text).toBe('apples\npears');
    expect((await agent.settled('m4')).reply?.text).toBe('apples');
    expect((await agent.call('POST', '/v1/sessions/main/fork', { session: 'side' })).status).toBe(409);
  });
});

describe('a background command', () => {
  const start = (flags: string) => `tool Bash {"command":"sleep 60","run_in_background":true${flags}}`;

  it('keeps the workspace awake until it ends, and its end is told with the next prompt', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', start(''));
    await agent.settled('m1');
    const { busyReasons, background } = await agent.stateWhen(
      (state) => state.sessions[0]?.status === 'idle',
    );
    expect(busyReasons).toEqual([expect.objectContaining({ kind: 'background' })]);
    workspace.tools.endTask(background[0]?.id ?? '', 3);
    await agent.stateWhen((state) => !state.busy);
    await agent.send('m2', 'say: ok');
    await agent.settled('m2');
    const prompt = (await agent.transcript()).find((entry) => entry.messageKey === 'm2');
    expect(JSON.stringify(prompt.message.content)).toContain('exit code 3');
    await agent.send('m3', 'say: ok');
    await agent.settled('m3');
    const later = (await agent.transcript()).find((entry) => entry.messageKey === 'm3');
    expect(JSON.stringify(later.message.content)).not.toContain('exit code 3');
  });

  it('does not keep it awake when it is ignorable', async () => {
    workspace = await TestWorkspace.create();
    const agent = await workspace.start();
    await agent.send('m1', start(',"ignorable":true'));
    await agent.settled('m1');
    expect(await agent.stateWhen((state) => !state.busy)).toMatchObject({
      background: [{ ignorable: true, status: 'running' }],
    });
  });

  it('goes on when only the agent restarts', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.start();
    await first.send('m1', start(',"restartable":true'));
    await first.settled('m1');
    await first.stop();
    const second = await workspace.start();
    const state = await second.stateWhen(({ tools }) => tools === 'ready');
    expect(state.background).toHaveLength(1);
    expect(workspace.tools.restored).toEqual([]);
  });
});
