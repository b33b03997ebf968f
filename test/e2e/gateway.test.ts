import { runtimeState } from '@dormouse/agent-runtime/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { suite } from '../support/suite.ts';

const here = suite('gateway');
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

const ask = (workspace: string, path: string, token: string | undefined = user, init: RequestInit = {}) =>
  door.fetch(here.workspaces.namespace, workspace, path, token, init);

async function stateOf(answer: Response) {
  expect(answer.status, answer.ok ? '' : await answer.clone().text()).toBe(200);
  return runtimeState.parse(await answer.json());
}

describe('a workspace, through the gateway', () => {
  it('is woken by a request and answers it, and then at once', async () => {
    const { workspaces } = here;
    await workspaces.create('door');
    await workspaces.ask('door', 'say: hello');
    await workspaces.asleep('door');
    const cold = await stateOf(await ask('door', 'agent/state'));
    expect(cold.workspace).toMatchObject({ namespace: workspaces.namespace, name: 'door' });
    expect((await workspaces.get('door')).status?.phase).toBe('Running');
    const warm = await stateOf(await ask('door', 'agent/state'));
    expect(warm.bootId).toBe(cold.bootId);
    // Nobody asks any more: the attachment runs out, and it sleeps.
    await workspaces.asleep('door');
  });

  it('starts one pod for 200 requests at the same moment, and all are answered', async () => {
    const { workspaces, witness } = here;
    await workspaces.create('crowd');
    await workspaces.ask('crowd', 'say: hello');
    await workspaces.asleep('crowd');
    const before = witness.made('crowd');
    const states = await Promise.all(
      Array.from({ length: 200 }, async () => stateOf(await ask('crowd', 'agent/state'))),
    );
    expect(new Set(states.map(({ bootId }) => bootId)).size).toBe(1);
    expect(witness.made('crowd')).toBe(before + 1);
  });

  it('takes a message and tells of it in its events', async () => {
    const { workspaces } = here;
    await workspaces.create('talk');
    const key = 'from-the-gateway';
    const body = JSON.stringify({ key, session: 'default', text: 'say: through the door' });
    const headers = { 'content-type': 'application/json' };
    expect((await ask('talk', 'agent/messages', user, { method: 'POST', body, headers })).status).toBe(202);
    const events = await ask('talk', 'agent/events?after=0', user, { signal: AbortSignal.timeout(60_000) });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of events.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (/event: message\ndata: .*"phase":"Completed"/.test(text)) break;
    }
    expect(text).toContain('through the door');
    // The same key again is the same message.
    expect((await ask('talk', 'agent/messages', user, { method: 'POST', body, headers })).status).toBe(200);
  });

  it('has its service reached, asleep or not', async () => {
    const { workspaces } = here;
    const serve =
      'mkdir -p site && echo "from the workspace" > site/page.txt && cd site && exec python3 -m http.server 8000';
    await workspaces.create('web', {
      services: [{ name: 'site', command: ['bash', '-c', serve], port: 8000, restart: 'Always' }],
    });
    const first = await ask('web', 'ports/site/page.txt');
    expect(await first.text()).toBe('from the workspace\n');
    await workspaces.asleep('web');
    const page = await ask('web', 'ports/site/page.txt', user, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(503);
    expect(page.headers.has('x-dormouse-waking')).toBe(true);
    expect(await (await ask('web', 'ports/site/page.txt')).text()).toBe('from the workspace\n');
    expect((await ask('web', 'ports/other/')).status).toBe(404);
  });
});

describe('who has no right', () => {
  it('is refused: without a token, with a made-up one, without a role, from another namespace', async () => {
    const { cluster, workspaces } = here;
    await workspaces.create('closed', { runPolicy: 'Suspended' });
    await using elsewhere = await cluster.namespace('e2e-gateway-other');
    const foreign = await tokenWith(cluster, elsewhere.name, 'user', ['dormouse-user']);
    const status = async (token: string | undefined, workspace = 'closed') =>
      (await door.fetch(workspaces.namespace, workspace, 'agent/state', token)).status;
    expect(await status(undefined)).toBe(401);
    expect(await status('made-up')).toBe(401);
    expect(await status(stranger)).toBe(403);
    expect(await status(stranger, 'not-there')).toBe(403);
    expect(await status(foreign)).toBe(403);
    expect(await status(user, 'not-there')).toBe(404);
    expect(await status(user)).toBe(503);
  });

  it('may not approve with the role of a user, nor reach what is the operator’s', async () => {
    const post = { method: 'POST', body: '{"decision":"allow"}' };
    expect((await ask('closed', 'agent/approvals/x', user, post)).status).toBe(403);
    expect((await ask('closed', 'agent/config', user, { method: 'PUT', body: '{}' })).status).toBe(404);
  });
});
