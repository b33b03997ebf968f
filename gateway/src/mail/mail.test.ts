import { type AgentMessage, type AgentWorkspaceClass, senderLabel } from '@dormouse/crds';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ModelWorld, token } from '../model-proxy/testing/model-world.ts';

const own = 'apis/dormouse.dev/v1alpha1';
let here: ModelWorld;
beforeEach(async () => {
  here = await ModelWorld.open();
  await allow({ betweenWorkspaces: true, perHour: 3, hops: 2 });
  put('other');
});
afterEach(() => here[Symbol.asyncDispose]());

type Messages = AgentWorkspaceClass['spec']['messages'];
const classes = `${own}/agentworkspaceclasses`;

async function allow(messages: Messages, name = 'standard'): Promise<void> {
  const { api } = here.world;
  const like = api.objects.get(classes, 'standard') as unknown as AgentWorkspaceClass;
  const metadata = name === 'standard' ? like.metadata : { name };
  api.objects.put(classes, name, { metadata, spec: { ...like.spec, messages } } as never);
  await here.world.shown('agentworkspaceclasses', { name });
}

/** A workspace that sleeps. */
function put(name: string, classRef?: string): void {
  here.world.api.objects.put(`${own}/agentworkspaces`, `team/${name}`, {
    metadata: { namespace: 'team', name, uid: `uid-of-${name}` },
    spec: { runPolicy: 'Auto', agent: {}, ...(classRef && { classRef: { name: classRef } }) },
    status: { phase: 'Suspended' },
  } as never);
}

const mail = (more: object = {}) => ({ id: 'toolu_1', session: 'default', text: 'hello', hops: 1, ...more });
const send = (to: string, body: object = mail(), init: RequestInit = {}) =>
  here.fetch(`/v1/workspaces/${to}/messages`, { body: JSON.stringify(body), ...init });
const look = (to: string, message: string) =>
  here.fetch(`/v1/workspaces/${to}/messages/${message}`, { method: 'GET', body: null });
const sent = () => here.world.api.objects.list(`${own}/agentmessages`) as unknown as AgentMessage[];
const why = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { message: string } };
  return `${answer.status} ${error.message}`;
};

describe('a message from workspace to workspace', () => {
  it('is an AgentMessage that says who sent it, as the token says', async () => {
    const answer = await send('other', mail({ hops: 2 }));
    expect(answer.status).toBe(201);
    const { message, phase } = (await answer.json()) as { message: string; phase: string };
    expect(phase).toBe('Pending');
    expect(sent()).toMatchObject([
      {
        metadata: { name: message, namespace: 'team', labels: { [senderLabel]: 'home' } },
        spec: {
          workspaceRef: { name: 'other' },
          session: 'default',
          from: 'workspace home',
          sender: { workspace: 'home', hops: 2 },
          text: 'hello',
        },
      },
    ]);
    expect(here.world.audits.at(-1)).toMatchObject({ action: 'mail', workspace: 'team/home', to: 'other' });
  });

  it('is made once, however often it is sent', async () => {
    const [one, two] = await Promise.all([send('other'), send('other')]);
    expect(await one?.json()).toEqual(await two?.json());
    await send('other', mail({ id: 'toolu_2' }));
    expect(sent()).toHaveLength(2);
  });

  it('says later what came of it, to its sender alone', async () => {
    const { message } = (await (await send('other')).json()) as { message: string };
    const key = `team/${message}`;
    const made = here.world.api.objects.get(`${own}/agentmessages`, key);
    const reply = { text: 'hi', truncated: false };
    here.world.api.objects.put(`${own}/agentmessages`, key, {
      ...made,
      status: { phase: 'Completed', reply },
    } as never);
    expect(await (await look('other', message)).json()).toEqual({ message, phase: 'Completed', reply });
    here.world.api.objects.put(`${own}/agentmessages`, 'team/of-a-person', {
      metadata: { namespace: 'team', name: 'of-a-person' },
      spec: { workspaceRef: { name: 'other' }, text: 'secret' },
    } as never);
    expect((await look('other', 'of-a-person')).status).toBe(404);
  });

  it('begins with no slash, which would be a command of a person', async () => {
    await send('other', mail({ text: '/deploy now' }));
    expect(sent()[0]?.spec.text).toBe(' /deploy now');
  });
});

describe('what is refused', () => {
  it('is what one of the classes does not let through', async () => {
    await allow({ betweenWorkspaces: false, perHour: 3, hops: 2 }, 'closed');
    put('quiet', 'closed');
    expect(await why(await send('quiet'))).toMatch(/^403 The class of AgentWorkspace quiet/);
    await allow({ betweenWorkspaces: false, perHour: 3, hops: 2 });
    expect(await why(await send('other'))).toMatch(/^403 AgentWorkspaceClass standard/);
    expect(sent()).toEqual([]);
  });

  it('is one too many in an hour, but not the same again', async () => {
    for (const id of ['a', 'b', 'c']) expect((await send('other', mail({ id }))).status).toBe(201);
    expect(await why(await send('other', mail({ id: 'd' })))).toMatch(/^429 .*has sent 3 messages/);
    expect((await send('other', mail({ id: 'a' }))).status).toBe(201);
  });

  it('is what goes round and round', async () => {
    expect(await why(await send('other', mail({ hops: 3 })))).toMatch(/^403 Workspaces have moved/);
  });

  it('is a workspace that is not there, itself, another namespace, and who is none', async () => {
    expect(await why(await send('nobody'))).toMatch(/^404 There is no AgentWorkspace nobody/);
    expect(await why(await send('home'))).toMatch(/^400 /);
    expect((await send('..%2Fother')).status).toBe(400);
    const headers = { authorization: 'Bearer ada-token' };
    expect((await send('other', mail(), { headers })).status).toBe(401);
    expect((await send('other', mail(), { headers: { origin: 'https://page' } })).status).toBe(403);
    expect((await send('other', mail({ text: 'x'.repeat(20_000) }))).status).toBe(400);
    expect((await send('other', mail({ approval: { id: 'x' }, sender: { workspace: 'ada' } }))).status).toBe(
      201,
    );
    expect(sent()[0]?.spec).toMatchObject({ sender: { workspace: 'home', hops: 1 } });
    expect(sent()[0]?.spec.approval).toBeUndefined();
    expect(token).toBe('home-token');
  });
});
