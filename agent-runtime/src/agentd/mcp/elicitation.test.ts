import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mcpServer } from '../../protocol/mcp.ts';
import type { ApprovalRequest } from '../../protocol/messages.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';
import type { AskPerson } from '../tools/tool.ts';
import { type ElicitationHooks, elicit } from './elicit.ts';
import { urlQuestion } from './elicit-url.ts';
import { contentFrom, contentOf, questionsOf, readForm } from './elicitation.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');

describe('a server that asks a person within a call', () => {
  let workspace: TestWorkspace;
  let agent: RunningAgent;
  let endTools: Awaited<ReturnType<typeof startRealTools>>;
  const order = 'tool mcp__fixture__order {}';

  beforeEach(async () => {
    workspace = await TestWorkspace.create();
    endTools = await startRealTools(workspace, '/bin/false');
    const server = { name: 'fixture', command: process.execPath, args: [fixture], timeoutMs: 1_000 };
    workspace.config.mcp = { servers: [mcpServer.parse(server)] };
    agent = await workspace.start();
  });
  afterEach(async () => {
    await endTools();
    await workspace.close();
  });

  async function asked(other?: string): Promise<ApprovalRequest> {
    const { approvals } = await agent.stateWhen(
      (state) => state.approvals.length === 1 && state.approvals[0]?.id !== other,
    );
    return approvals[0] as ApprovalRequest;
  }
  const answer = (id: string, body: object) => agent.call('POST', `/v1/approvals/${id}`, body);

  it('has its form filled in, and the call goes on; the time of the call stands still meanwhile', async () => {
    await agent.send('m1', order);
    const request = await asked();
    expect(request).toMatchObject({
      tool: 'mcp__fixture__order',
      summary: 'The MCP server fixture asks: What shall it be?',
      questions: [
        { question: 'Size', options: [{ label: 'Small' }, { label: 'Medium' }], several: false },
        { question: 'count (How many; a number; - for 1)', options: [] },
        { question: 'gift (- to leave it out)', options: [{ label: 'Yes' }, { label: 'No' }] },
      ],
    });
    // Longer than the call may take without a sign of progress.
    const since = performance.now();
    await agent.stateWhen(({ busy }) => busy && performance.now() - since > 1_300);
    expect((await answer(request.id, { decision: 'allow', answers: ['Medium'] })).status).toBe(400);
    await answer(request.id, { decision: 'allow', answers: ['Medium', '-', 'yes'] });
    const { reply } = await agent.settled('m1');
    expect(JSON.parse(reply?.text ?? '')).toEqual({
      action: 'accept',
      content: { size: 'm', count: 1, gift: true },
    });
    expect((await agent.state()).approvals).toEqual([]);
  });

  it('asks again where an answer cannot be, and is told of a refusal', async () => {
    await agent.send('m1', order);
    const { id } = await asked();
    await answer(id, { decision: 'allow', answers: ['Huge', '2', '-'] });
    const again = await asked(id);
    expect(again.summary).toMatch(/^Size cannot be "Huge"\. The MCP server/);
    await answer(again.id, { decision: 'deny' });
    expect(JSON.parse((await agent.settled('m1')).reply?.text ?? '')).toEqual({ action: 'decline' });
  });

  it('sends them to a URL, of which they see the host first, and is told that they are done or decline', async () => {
    const url = 'https://evil.example/in?next=https://good.example';
    const visit = `tool mcp__fixture__visit ${JSON.stringify({ url })}`;
    await agent.send('m1', visit);
    const request = await asked();
    expect(request.summary).toMatch(/^The MCP server fixture sends you to the host evil\.example: https:/);
    expect(request.summary).toContain(url);
    expect(request.questions).toBeUndefined();
    await answer(request.id, { decision: 'allow' });
    expect((await agent.settled('m1')).reply?.text).toBe('{"action":"accept"}');
    await agent.send('m2', visit);
    await answer((await asked()).id, { decision: 'deny' });
    expect((await agent.settled('m2')).reply?.text).toBe('{"action":"decline"}');
    await agent.send('m3', 'tool mcp__fixture__visit {"url":"http://plain.example"}');
    expect((await agent.settled('m3')).reply?.text).toContain('https only');
  });

  it('of a call that it refuses until somebody has been there waits over a restart, and calls again', async () => {
    await agent.send('m1', 'tool mcp__fixture__pay {}');
    const { id, summary } = await asked();
    expect(summary).toContain('https://pay.example/1');
    await agent.stateWhen(({ busy }) => !busy);
    await agent.stop();
    agent = await workspace.start();
    await answer(id, { decision: 'allow' });
    expect((await agent.settled('m1')).reply?.text).toBe('paid');
    await rm(join(workspace.home, '.fixture-pay'));
    await agent.send('m2', 'tool mcp__fixture__pay {}');
    await answer((await asked(id)).id, { decision: 'deny' });
    const told = (await agent.settled('m2')).reply?.text;
    expect(told).toContain('nobody went where it sent them. Nothing was done.');
  });

  it('asks the model, where a person lets it, and the message bears the cost', async () => {
    const think = 'tool mcp__fixture__think {}';
    await agent.send('m1', think);
    expect((await agent.settled('m1')).reply?.text).toBe('a thought');
    const paid = (await agent.transcript()).filter((entry) => entry.modelUsage?.outputTokens > 0);
    expect(paid).toHaveLength(1);
    workspace.config.permissions = { mode: 'default', allow: ['mcp__fixture'], ask: [], deny: [] };
    await agent.call('PUT', '/v1/config', { config: workspace.config });
    await agent.send('m2', think);
    const request = await asked();
    expect(request.summary).toMatch(
      /^The MCP server fixture wants to ask the model: You are asked by a test\./,
    );
    await answer(request.id, { decision: 'deny' });
    expect((await agent.settled('m2')).reply?.text).toBe('refused: a person did not let it');
  });

  it('asks no longer when the call has ended, by a person or by a restart', { timeout: 30_000 }, async () => {
    await agent.send('m1', order);
    const { id } = await asked();
    await agent.call('POST', '/v1/sessions/main/interrupt');
    expect((await agent.settled('m1')).reason).toBe('Interrupted');
    expect((await agent.state()).approvals).toEqual([]);
    expect((await answer(id, { decision: 'deny' })).status).toBe(409);
    await agent.send('m2', order);
    await asked();
    await agent.stop();
    agent = await workspace.start();
    const told = (await agent.settled('m2')).reply?.text;
    expect(told).toContain('interrupted because the workspace restarted');
    expect(told).toMatch(
      /The MCP server fixture asks: What shall it be\? \(Size; count .*\) Nobody had answered\./,
    );
    expect((await agent.state()).approvals).toEqual([]);
  });
});

describe('a URL that people are sent to', () => {
  const shown = (url: unknown) => urlQuestion('web', { message: 'm'.repeat(5_000), url });

  it('is shown whole as it is understood, before anything that the server says', () => {
    expect(shown('https://b\u00fccher.example/a b')).toContain(
      'host xn--bcher-kva.example: https://xn--bcher-kva.example/a%20b ',
    );
    expect(shown('https://EVIL.example:8443').length).toBeLessThan(1_000);
    expect(shown('https://EVIL.example:8443')).toContain('host evil.example:8443:');
  });

  it.each([
    ['http://web.example', 'https only'],
    ['javascript:alert(1)', 'https only'],
    ['file:///etc/passwd', 'https only'],
    [undefined, 'https only'],
    ['https://good.example@evil.example', 'a name or a password'],
    [`https://web.example/${'x'.repeat(1_300)}`, 'at most 1200 characters'],
  ])('is none where it is %s', (url, why) => {
    expect(() => shown(url)).toThrow(why);
  });
});

describe('a form', () => {
  const form = (properties: object, required: string[] = []) =>
    readForm({ type: 'object', properties, required });

  it('has a question for each field, and takes what a person writes', () => {
    const colours = {
      type: 'array',
      items: { anyOf: ['red', 'blue'].map((it) => ({ const: it, title: `${it}ish` })) },
    };
    const all = form({ colours, rate: { type: 'number' }, name: { type: 'string' } }, ['name']);
    expect(questionsOf(all).map(({ options, several }) => [options.length, several])).toEqual([
      [2, true],
      [0, false],
      [0, false],
    ]);
    expect(contentOf(all, ['redish, blue', '2.5', 'Ada'])).toEqual({
      colours: ['red', 'blue'],
      rate: 2.5,
      name: 'Ada',
    });
    expect(contentOf(all, ['green', '1', 'Ada'])).toBe('colours cannot be "green".');
    expect(contentOf(all, ['-', 'many', 'Ada'])).toBe('rate cannot be "many".');
    expect(contentOf(all, ['-', '-', '-'])).toBe('name cannot be left out.');
    expect(contentOf(all, ['-', '-', 'Ada'])).toEqual({ name: 'Ada' });
  });

  it('takes values by their names as a program has them, and says which cannot be', () => {
    const sizes = { type: 'string', enum: ['s', 'm'] };
    const all = form(
      {
        ...{ size: sizes, sizes: { type: 'array', items: { enum: ['s', 'm'] } } },
        ...{ count: { type: 'integer', default: 1 }, rate: { type: 'number' }, gift: { type: 'boolean' } },
      },
      ['size'],
    );
    const full = { size: 'm', sizes: ['s'], count: 2, rate: 0.5, gift: false };
    expect(contentFrom(all, full)).toEqual(full);
    expect(contentFrom(all, { size: 's' })).toEqual({ size: 's', count: 1 });
    expect(contentFrom(all, {})).toBe('size cannot be left out.');
    expect(contentFrom(all, { size: 's', colour: 'red' })).toBe('The form has no field colour.');
    for (const [name, bad] of [
      ...[['size', 'xl'] as const, ['sizes', ['xl']] as const, ['sizes', 's'] as const],
      ...[
        ['count', 1.5] as const,
        ['count', '1'] as const,
        ['rate', null] as const,
        ['gift', 'yes'] as const,
      ],
    ])
      expect(contentFrom(all, { size: 's', [name]: bad })).toBe(`${name} cannot be ${JSON.stringify(bad)}.`);
  });

  it('with more fields than are answered at once comes in parts', async () => {
    const properties = Object.fromEntries(
      ['a', 'b', 'c', 'd', 'e'].map((name) => [name, { type: 'string' }]),
    );
    const asked: [string, number][] = [];
    const ask: AskPerson = async (summary, questions) => {
      asked.push([summary, questions.length]);
      return { decision: 'allow', answers: questions.map(({ question }) => question.slice(0, 1)) };
    };
    const hooks: ElicitationHooks = {
      instead: async () => undefined,
      afterwards: async (_question, answer) => answer,
    };
    const requestedSchema = { type: 'object', properties };
    expect(await elicit('shop', { message: 'Which?', requestedSchema }, { ask, hooks })).toEqual({
      action: 'accept',
      content: { a: 'a', b: 'b', c: 'c', d: 'd', e: 'e' },
    });
    expect(asked).toEqual([
      ['The MCP server shop asks (1 of 2): Which?', 4],
      ['The MCP server shop asks (2 of 2): Which?', 1],
    ]);
    expect(await elicit('shop', { message: 'Which?' }, undefined)).toEqual({ action: 'cancel' });
  });

  it('is refused where nobody could fill it in', () => {
    expect(() => form({ nested: { type: 'object' } })).toThrow('cannot be shown');
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`f${at}`, { type: 'string' }]));
    expect(() => form(many)).toThrow('at most 16 fields');
  });
});
