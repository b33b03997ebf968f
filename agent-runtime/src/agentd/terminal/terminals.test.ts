import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readProcess } from '../../workspaced/process/table.ts';
import { compileTerminalHost } from '../../workspaced/testing/terminal-host.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { TerminalClient } from '../testing/terminal-client.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let program: string;
let workspace: TestWorkspace;
let agent: RunningAgent;
let endTools: Awaited<ReturnType<typeof startRealTools>>;

beforeAll(async () => {
  program = await compileTerminalHost();
}, 120_000);
afterAll(() => rm(dirname(program), { recursive: true, force: true }));
beforeEach(async () => {
  workspace = await TestWorkspace.create();
  endTools = await startRealTools(workspace, program);
  agent = await workspace.start();
});
afterEach(async () => {
  await endTools();
  await workspace.close();
});

const size = { columns: 80, rows: 24 };
const key = { headers: { 'x-dormouse-key': 'a-key-that-is-long-enough' } };
const shell = { command: ['bash', '--norc', '--noprofile'] };
const attach = (id: string) => new TerminalClient(`${agent.url}/v1/terminals/${id}`, key).opened();

async function open(request: object = shell): Promise<string> {
  const { status, body } = await agent.call('POST', '/v1/terminals', { ...size, ...request });
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
}

describe('a terminal', () => {
  it('is opened, typed on, resized, left and found again, and tells how it ended', async () => {
    const opened = await agent.call('POST', '/v1/terminals', { ...size, ...shell, name: 'main' });
    expect(opened.body).toMatchObject({ name: 'main', ...size, ...shell, clients: 0 });
    const { id } = opened.body;
    const first = await attach(id);
    expect(first.socket.protocol).toBe('dormouse.terminal.v1');
    first.resize(120, 40);
    first.type('stty size; echo "€"\r');
    await first.sees('40 120\r\n\u00e2\u0082\u00ac\r\n');
    expect((await agent.call('GET', '/v1/terminals')).body).toMatchObject({
      terminals: [{ id, name: 'main', columns: 120, rows: 40, clients: 1 }],
    });
    first.socket.close();
    await first.end();
    const second = await attach(id);
    await second.sees('40 120\r\n');
    second.type('exit 7\r');
    expect(await second.end()).toMatchObject({ code: 1000 });
    expect(second.told).toEqual([{ type: 'exit', code: 7 }]);
    expect((await agent.call('GET', '/v1/terminals')).body).toEqual({ terminals: [] });
  });

  it('is a login shell in the home unless told otherwise', async () => {
    const client = await attach(await open({}));
    client.type('shopt login_shell; echo "in $PWD"; exit\r');
    await client.end();
    expect(client.shown).toMatch(/login_shell\s+on/);
    expect(client.shown).toContain(`in ${workspace.home}\r\n`);
  });

  it('is hung up by another request, of which those who see it are told', async () => {
    const id = await open({ command: ['sleep', '600'] });
    const client = await attach(id);
    expect((await agent.call('DELETE', `/v1/terminals/${id}`)).status).toBe(204);
    expect(await client.end()).toMatchObject({ code: 1000 });
    expect(client.told).toMatchObject([
      { type: 'exit', signal: 'SIGHUP', message: expect.stringContaining('ended by another') },
    ]);
    expect((await agent.call('DELETE', `/v1/terminals/${id}`)).status).toBe(404);
  });

  it('does not keep the workspace awake: a shell at its prompt is not busy, nor is a program that redraws', async () => {
    const client = await attach(await open());
    client.type('while :; do printf "\\033[H%s" "$SECONDS"; read -t 0.05 <> <(:); done\r');
    await client.sees('\u001b[H1');
    const { busy, busyReasons, lastActivityAt } = await agent.state();
    expect({ busy, busyReasons }).toEqual({ busy: false, busyReasons: [] });
    await client.sees('\u001b[H2');
    expect((await agent.state()).lastActivityAt).toBe(lastActivityAt);
  });

  it('ends when the workspace falls asleep, and says so to who sees it and to who comes back', async () => {
    await agent.stateWhen(({ tools }) => tools === 'ready');
    const id = await open({ command: ['sleep', '600'] });
    const client = await attach(id);
    await agent.call('POST', '/v1/checkpoints', { sequence: 1, trigger: 'Idle', hold: true });
    expect(await client.end()).toMatchObject({ code: 1000 });
    expect(client.told).toMatchObject([
      { type: 'exit', signal: 'SIGHUP', message: expect.stringContaining('went to sleep') },
    ]);
    const url = `${agent.url}/v1/terminals`;
    const held = await new TerminalClient(`${url}/${id}`, key).refused();
    expect(held).toMatchObject({ status: 409, body: { error: { code: 'checkpointing' } } });
    expect((await agent.call('POST', '/v1/terminals', size)).status).toBe(409);

    // As a new pod: nothing of the old one is known.
    await endTools();
    await agent.stop();
    endTools = await startRealTools(workspace, program);
    agent = await workspace.start();
    const after = await new TerminalClient(`${agent.url}/v1/terminals/${id}`, key).refused();
    expect(after).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(after.body.error.message).toContain('when the workspace sleeps');
    expect(await open()).not.toBe(id);
  });

  it('ends with the tools that it runs in, and says so', async () => {
    const client = await attach(await open());
    await endTools();
    expect(await client.end()).toMatchObject({ code: 1000 });
    expect(client.told).toMatchObject([{ type: 'exit', message: expect.stringContaining('was stopped') }]);
  });

  it('is lost when the tools are killed, and nothing of it stays', async () => {
    const client = await attach(await open());
    client.type('echo "pid $$"\r');
    const pid = await vi.waitFor(() => {
      const found = /\rpid (\d+)\r\n/.exec(client.shown)?.[1];
      if (found === undefined) throw new Error('not shown yet');
      return Number(found);
    }, 10_000);
    expect(readProcess(pid)).toBeDefined();
    await endTools('SIGKILL');
    expect(await client.end()).toMatchObject({ code: 1011 });
    await vi.waitFor(() => expect(readProcess(pid)?.state ?? 'Z').toBe('Z'), 5_000);
  });

  it('outlives the agent, which lets its clients go', async () => {
    const id = await open();
    const first = await attach(id);
    first.type('echo before-$((1 + 1))\r');
    await first.sees('before-2');
    await agent.stop();
    expect(await first.end()).toMatchObject({ code: 1001 });
    agent = await workspace.start();
    await (await attach(id)).sees('before-2');
  });
});

describe('what is no terminal', () => {
  it('is refused before the upgrade, in the shape of every error', async () => {
    const id = await open();
    const url = `${agent.url}/v1/terminals`;
    const refused = (path: string, options = key, protocols?: string[]) =>
      new TerminalClient(`${url}/${path}`, options, protocols).refused();
    expect(await refused('t9')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } });
    expect(await refused(id, { headers: { 'x-dormouse-key': 'wrong' } })).toMatchObject({ status: 401 });
    const other = await refused(id, key, ['chat']);
    expect(other).toMatchObject({ status: 400 });
    expect(other.body.error.message).toContain('dormouse.terminal.v1');
    const state = await new TerminalClient(`${agent.url}/v1/state`, key).refused();
    expect(state).toMatchObject({ status: 400, body: { error: { message: '/v1/state is no WebSocket.' } } });
    expect((await agent.call('GET', `/v1/terminals/${id}`)).status).toBe(426);
  });

  it.each([
    ['no size', {}, 400, 'columns'],
    ['a size of nothing', { columns: 0, rows: 1 }, 400, 'columns'],
    ['a directory that is not there', { ...size, directory: 'none' }, 404, 'none does not exist'],
    ['a program that is not there', { ...size, command: ['no-such'] }, 400, 'There is no program no-such.'],
    ['a name with a space', { ...size, name: 'a b' }, 400, 'name'],
  ])('is not opened: %s', async (_, body, status, sentence) => {
    const answer = await agent.call('POST', '/v1/terminals', body);
    expect(answer.status).toBe(status);
    expect(answer.body.error.message).toContain(sentence);
  });

  it('is a seventeenth, or one of a name that is taken', async () => {
    await open({ ...shell, name: 'main' });
    const twice = await agent.call('POST', '/v1/terminals', { ...size, name: 'main' });
    expect(twice).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } });
    await Promise.all(Array.from({ length: 15 }, () => open()));
    const more = await agent.call('POST', '/v1/terminals', size);
    expect(more.status).toBe(409);
    expect(more.body.error.message).toBe('16 terminals are open already: end one first.');
  });
});
