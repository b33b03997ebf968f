import { terminalState } from '@dormouse/agent-runtime/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { suite } from '../support/suite.ts';
import { TerminalClient } from '../support/terminal.ts';

const here = suite('terminal');
let door: GatewayForward;
let user: string;
let stranger: string;
beforeAll(async () => {
  const { cluster, workspaces } = here;
  door = await GatewayForward.open(cluster);
  user = await tokenWith(cluster, workspaces.namespace, 'user', ['dormouse-user']);
  stranger = await tokenWith(cluster, workspaces.namespace, 'stranger', []);
});
afterAll(async () => {
  await door?.[Symbol.asyncDispose]();
});

const ask = (workspace: string, path: string, init: RequestInit = {}, token = user) =>
  door.fetch(here.workspaces.namespace, workspace, path, token, init);

async function open(workspace: string, request: object = {}) {
  const init = { method: 'POST', body: JSON.stringify({ columns: 100, rows: 30, ...request }) };
  const answer = await door.patiently(here.workspaces.namespace, workspace, 'agent/terminals', user, init);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return terminalState.parse(await answer.json());
}

const attach = (workspace: string, id: string) =>
  TerminalClient.attach(door.url(here.workspaces.namespace, workspace, `agent/terminals/${id}`), user);

describe('a terminal, through the gateway', () => {
  it('wakes its workspace, is typed on, resized, left, found again, and tells how it ended', async () => {
    const { workspaces } = here;
    await workspaces.create('shell');
    await workspaces.ask('shell', 'say: hello');
    await workspaces.asleep('shell');

    const { id, command } = await open('shell', { name: 'main' });
    expect(command).toEqual(['bash', '-l']);
    {
      using first = await attach('shell', id);
      first.type('echo "$(id -u) in $PWD has $TERM" | tr a-z A-Z; stty size\r');
      await first.sees('1000 IN /HOME/AGENT HAS XTERM-256COLOR\r\n30 100\r\n');
      first.resize(132, 50);
      first.type('stty size\r');
      await first.sees('50 132\r\n');
    }
    using second = await attach('shell', id);
    await second.sees('50 132\r\n');
    second.type('exit 7\r');
    expect(await second.end()).toEqual({ code: 1000, exit: { type: 'exit', code: 7 } });
    expect(await (await ask('shell', 'agent/terminals')).json()).toEqual({ terminals: [] });
  });

  it('lets the workspace sleep while a program redraws and nobody types, and says that it ended', async () => {
    const { workspaces } = here;
    await workspaces.create('top');
    const { id } = await open('top');
    using client = await attach('top', id);
    client.type('while :; do printf "\\033[H%s " "$SECONDS"; sleep 0.1; done\r');
    await client.sees('\u001b[H2 ');
    await workspaces.asleep('top');
    const { code, exit } = await client.end();
    expect(code).toBe(1000);
    expect(exit?.message).toContain('went to sleep');
    // The next pod knows nothing of it.
    expect(await (await ask('top', 'agent/terminals')).json()).toEqual({ terminals: [] });
    await expect(attach('top', id)).rejects.toThrow('was not opened');
  });

  it('leaves nothing behind when it is hung up', async () => {
    const { workspaces } = here;
    await workspaces.create('hang-up');
    const { id } = await open('hang-up');
    using client = await attach('hang-up', id);
    client.type('sleep 1234 & echo started\r');
    await client.sees('\r\nstarted\r\n');
    expect((await ask('hang-up', `agent/terminals/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await client.end()).toMatchObject({ code: 1000 });
    const { stdout } = await workspaces.inWorkspace(
      'hang-up',
      'pgrep -f "terminal-hos[t]|sleep 123[4]" || echo none',
    );
    expect(stdout).toBe('none\n');
  });

  it('is for those who may attach', async () => {
    const { workspaces } = here;
    await workspaces.create('closed', { runPolicy: 'Suspended' });
    const post = { method: 'POST', body: '{"columns":80,"rows":24}' };
    expect((await ask('closed', 'agent/terminals', post, stranger)).status).toBe(403);
    expect((await ask('closed', 'agent/terminals', post, 'made-up')).status).toBe(401);
  });
});
