import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ApprovalRequest } from '../../protocol/messages.ts';
import { command, HookedAgent } from '../testing/hooked-agent.ts';
import { McpHttpServer } from '../testing/mcp-http-server.ts';

const fixture = join(import.meta.dirname, '../../../../test/support/mcp-server/stdio.mjs');
const log = (path: string, more = '') => command(`cat >> ${path}; echo >> ${path}; ${more}`);
const says = (answer: object) => `echo '${JSON.stringify({ hookSpecificOutput: answer })}'`;

let agent: HookedAgent;
afterEach(() => agent.close());

/** The one question that is open. */
async function asked(message: string): Promise<ApprovalRequest> {
  const { approvals } = await agent.agent.stateWhen(
    (state) => state.approvals.length === 1 && state.approvals[0]?.summary.includes(message) === true,
  );
  return approvals[0] as ApprovalRequest;
}
async function answer(message: string, body: object): Promise<void> {
  const { id } = await asked(message);
  expect((await agent.agent.call('POST', `/v1/approvals/${id}`, body)).status).toBe(200);
}
const fill = (message: string, ...answers: string[]) => answer(message, { decision: 'allow', answers });
const messagesOf = async () =>
  (await agent.agent.transcript()).flatMap((entry) => entry.hooks?.messages ?? []);

describe('a server with state that asks a person', () => {
  const order = 'tool mcp__fixture__order {}';
  const question = 'What shall it be?';
  const start = async (hooks: object, mayAllow = true) => {
    const server = { name: 'fixture', command: process.execPath, args: [fixture], timeoutMs: 1_000 };
    agent = await HookedAgent.start(hooks, { hooks: { mayAllow }, servers: [server] });
  };
  const told = async (key: string) => JSON.parse((await agent.agent.settled(key)).reply?.text ?? '');

  it('has its answer from hooks, who are told what it wants, and no person is asked', async () => {
    const accepts = log('log', says({ action: 'accept', content: { size: 'm' } }));
    const [group] = accepts as [object];
    await start({
      Elicitation: [
        { ...group, matcher: 'fixture' },
        { matcher: 'other', hooks: [{ type: 'command', command: 'exit 2' }] },
      ],
      ElicitationResult: log('results'),
    });
    await agent.agent.send('m', order);
    expect(await told('m')).toEqual({ action: 'accept', content: { size: 'm', count: 1 } });
    expect(await agent.told('log')).toEqual([
      expect.objectContaining({
        ...{ hook_event_name: 'Elicitation', mcp_server_name: 'fixture', message: question, mode: 'form' },
        requested_schema: expect.objectContaining({ required: ['size'] }),
      }),
    ]);
    // A person alone has a result.
    expect(await agent.text('results')).toBe('');
  });

  it('has an acceptance of files as a wish alone, unless the class says more, and a refusal in any case', async () => {
    await start(
      {
        Elicitation: command(`${says({ action: 'accept', content: { size: 'm' } })}; test ! -e no || exit 2`),
      },
      false,
    );
    await agent.agent.send('m1', order);
    await answer(question, { decision: 'deny' });
    expect(await told('m1')).toEqual({ action: 'decline' });
    await agent.workspace.put('no', '');
    await agent.agent.send('m2', order);
    expect(await told('m2')).toEqual({ action: 'decline' });
    expect(await messagesOf()).toEqual(['A hook refused it.']);
  });

  it('has a person asked where the answer of a hook is none', async () => {
    await start({
      Elicitation: command(says({ action: 'accept', content: { size: 'xl' } })),
      Notification: log('notes'),
    });
    await agent.agent.send('m', order);
    const note = { notification_type: 'elicitation_dialog', title: 'Input needed' };
    await vi.waitFor(async () => expect(await agent.told('notes')).toMatchObject([note]), 10_000);
    await fill(question, 'Small', '-', '-');
    expect(await told('m')).toMatchObject({ content: { size: 's' } });
    expect(await messagesOf()).toEqual([expect.stringContaining('size cannot be "xl"')]);
  });

  it('sends nobody to a URL that hooks decline, and they are told it', async () => {
    await start({ Elicitation: log('log', says({ action: 'decline' })) }, false);
    const url = 'https://good.example/in';
    await agent.agent.send('m1', `tool mcp__fixture__visit ${JSON.stringify({ url })}`);
    expect(await told('m1')).toEqual({ action: 'decline' });
    expect(await agent.told('log')).toEqual([
      expect.objectContaining({ mode: 'url', url, elicitation_id: 'e1' }),
    ]);
    expect((await agent.send('tool mcp__fixture__pay {}')).reply?.text).toContain('nobody went where');
  });

  it('is told what hooks make of the answer of a person', async () => {
    await start({
      ElicitationResult: log(
        'log',
        `test -e no && exit 2; test -e broken && ${says({ content: { size: 1 } })} || ${says({ content: { size: 's', gift: true } })}`,
      ),
    });
    await agent.agent.send('m1', order);
    await fill(question, 'Medium', '2', '-');
    expect(await told('m1')).toEqual({ action: 'accept', content: { size: 's', count: 1, gift: true } });
    expect(await agent.told('log')).toEqual([
      expect.objectContaining({
        ...{ hook_event_name: 'ElicitationResult', mcp_server_name: 'fixture', mode: 'form' },
        ...{ action: 'accept', content: { size: 'm', count: 2 } },
      }),
    ]);
    await agent.agent.send('m2', order);
    await answer(question, { decision: 'deny' });
    // Other content makes nobody accept.
    expect(await told('m2')).toEqual({ action: 'decline' });
    await agent.workspace.put('broken', '');
    await agent.agent.send('m3', order);
    await fill(question, 'Medium', '2', '-');
    expect(await told('m3')).toEqual({ action: 'decline' });
    await agent.workspace.put('no', '');
    await agent.agent.send('m4', order);
    await fill(question, 'Medium', '2', '-');
    expect(await told('m4')).toEqual({ action: 'decline' });
    expect(await messagesOf()).toEqual([
      expect.stringContaining('size cannot be 1'),
      expect.stringContaining('A hook refused it.'),
    ]);
  });

  it('is told that a person declined where hooks of files would have it accepted', async () => {
    await start({ ElicitationResult: command(says({ action: 'accept', content: { size: 'm' } })) }, false);
    await agent.agent.send('m', order);
    await answer(question, { decision: 'deny' });
    expect(await told('m')).toEqual({ action: 'decline' });
  });

  it('loses no time of its call to a hook, which may end the turn', async () => {
    await start({
      Elicitation: command(
        `touch begun; while ! test -e go; do sleep 0.05; done; echo '{"continue": false, "stopReason": "enough"}'`,
      ),
    });
    await agent.agent.send('m', order);
    // Longer than the call may take without a sign of progress.
    const since = performance.now();
    await agent.agent.stateWhen(({ busy }) => busy && performance.now() - since > 1_300);
    await agent.workspace.put('go', '');
    expect(await agent.agent.settled('m')).toMatchObject({ reason: 'StoppedByHook', message: 'enough' });
    expect((await agent.results())[0].content).toBe('{"action":"cancel"}');
  });
});

describe('a server without state that asks a person', () => {
  let server: Awaited<ReturnType<typeof McpHttpServer.asking>>;
  afterEach(() => server.close());
  const start = async (hooks: object, options: Parameters<typeof McpHttpServer.asking>[0] = {}) => {
    server = await McpHttpServer.asking(options);
    const servers = [{ name: 'web', url: server.url }];
    agent = await HookedAgent.start(hooks, { hooks: { mayAllow: true }, servers });
  };
  const book = 'tool mcp__web__book {}';
  const seats = says({ action: 'accept', content: { seats: 2 } });
  /** Which questions the hooks of a file were told of, in their order. */
  const questions = async (path: string) =>
    (await agent.told(path)).map(({ message, content }) => message ?? content);

  it('has the answer of a hook kept over restarts, and no hook is asked twice about a question', async () => {
    const some = `tail -n 1 log | grep -q seats && ${seats} || true`;
    await start({ Elicitation: log('log', some), ElicitationResult: log('results') }, { named: true });
    await agent.agent.send('m', book);
    await asked('In which name?');
    await agent.agent.stateWhen(({ busy }) => !busy);
    await agent.restart();
    await fill('In which name?', 'Ada');
    await asked('Are you sure?');
    await agent.restart();
    await answer('Are you sure?', { decision: 'allow' });
    await agent.agent.settled('m');
    expect(server.parts[1]).toMatchObject({
      inputResponses: {
        seats: { action: 'accept', content: { seats: 2 } },
        name: { action: 'accept', content: { name: 'Ada' } },
      },
    });
    expect(await questions('log')).toEqual(['How many seats?', 'In which name?', 'Are you sure?']);
    expect(await questions('results')).toEqual([{ name: 'Ada' }, {}]);
  });

  it('has what a hook made of an answer kept while another one is waited for', async () => {
    await start({ ElicitationResult: log('results', says({ action: 'decline' })) }, { named: true });
    await agent.agent.send('m', book);
    await fill('How many seats?', '7');
    await asked('In which name?');
    await agent.agent.stateWhen(({ busy }) => !busy);
    await agent.restart();
    await fill('In which name?', 'Ada');
    await asked('Are you sure?');
    expect(server.parts[1]).toMatchObject({
      inputResponses: { seats: { action: 'decline' }, name: { action: 'decline' } },
    });
    expect(await questions('results')).toEqual([{ seats: 7 }, { name: 'Ada' }]);
  });

  it('has what a person answered to what hooks that came later were not asked about', async () => {
    await start({}, { named: true });
    await agent.agent.send('m', book);
    await asked('How many seats?');
    await agent.agent.stateWhen(({ busy }) => !busy);
    await agent.workspace.put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { Elicitation: log('log', says({ action: 'decline' })) } }),
    );
    await agent.restart();
    await fill('How many seats?', '3');
    await agent.agent.settled('m');
    expect(server.parts[1]).toMatchObject({
      inputResponses: { seats: { content: { seats: 3 } }, name: { action: 'decline' } },
    });
    expect(await questions('log')).toEqual(['In which name?', 'Are you sure?']);
  });

  it('asks nobody any more once a hook has ended the turn', async () => {
    await start(
      { Elicitation: log('log', `echo '{"continue": false, "stopReason": "enough"}'`) },
      { named: true },
    );
    expect(await agent.send(book)).toMatchObject({ reason: 'StoppedByHook', message: 'enough' });
    expect(await questions('log')).toEqual(['How many seats?']);
    expect(server.parts).toHaveLength(3);
  });

  it('is not asked again when it was cut off: the model is told what hooks had it told', async () => {
    await start(
      { Elicitation: command(`grep -q seats && ${seats} || ${says({ action: 'accept' })}`) },
      {
        held: true,
      },
    );
    await agent.agent.send('m', book);
    await expect.poll(() => server.parts.length).toBe(3);
    await agent.restart();
    server.release();
    const { reply } = await agent.agent.settled('m');
    expect(reply?.text).toContain('interrupted because the workspace restarted');
    expect(reply?.text).toContain('How many seats? accept {"seats":2}');
    expect(server.parts).toHaveLength(3);
  });
});
