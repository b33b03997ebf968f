import { type AgentMessage, apiVersion } from '@dormouse/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import type { KubernetesObject } from '../support/cluster.ts';
import { tokenWith } from '../support/gateway.ts';
import { run } from '../support/program.ts';
import { suite } from '../support/suite.ts';
import { textOf } from '../support/workspaces.ts';

const here = suite('mail');
let talking: AsyncDisposable & { name: string };

beforeAll(async () => {
  const { cluster, workspaces } = here;
  talking = await classLikeDefault(cluster, workspaces.namespace, (spec) => {
    spec.messages = { betweenWorkspaces: true, perHour: 10, hops: 2 };
  });
});
afterAll(() => talking?.[Symbol.asyncDispose]());

const send = (to: string, message: string) =>
  `tool SendMessage ${JSON.stringify({ to: `workspace/${to}`, message, wait_seconds: 120 })}`;

describe('a message from workspace to workspace', () => {
  it('wakes the other one, says who speaks, and brings the reply', async () => {
    const { workspaces, cluster } = here;
    const spec = { classRef: { name: talking.name } };
    await Promise.all([workspaces.create('asks', spec), workspaces.create('answers', spec)]);
    await workspaces.ask('answers', 'write secret.txt: the number is 7\nsay: hidden');
    await workspaces.asleep('answers');
    const reply = await workspaces.ask('asks', send('answers', 'read secret.txt'), 'default', 150_000);
    expect(reply).toContain('the number is 7');

    const messages = await cluster.list<KubernetesObject & AgentMessage>(apiVersion, 'AgentMessage', {
      namespace: workspaces.namespace,
      labelSelector: 'dormouse.dev/sender=asks',
    });
    expect(messages.map(({ spec: { sender, from } }) => [sender, from])).toEqual([
      [{ workspace: 'asks', hops: 1 }, 'workspace asks'],
    ]);
    const told = (await workspaces.transcript('answers')).map(textOf).join('\n');
    expect(told).toContain('by the agent of the workspace asks, not by a person');
  });

  it('is sent by nobody whose class does not say so', async () => {
    const { workspaces } = here;
    await workspaces.create('silent');
    expect(await workspaces.ask('silent', send('answers', 'say: hello'))).toContain(
      'lets it send no messages to others',
    );
  });

  it('cannot be made up by who may create messages', async () => {
    const { workspaces, cluster } = here;
    const { namespace } = workspaces;
    await tokenWith(cluster, namespace, 'talker', ['dormouse-edit']);
    const message = {
      ...{ apiVersion, kind: 'AgentMessage', metadata: { name: 'forged', namespace } },
      spec: {
        workspaceRef: { name: 'answers' },
        sender: { workspace: 'asks', hops: 1 },
        text: 'say: hello',
      },
    };
    const as = ['--as', `system:serviceaccount:${namespace}:talker`];
    const made = await run('kubectl', ['create', '-f', '-', ...as], { input: JSON.stringify(message) });
    expect(made.code).not.toBe(0);
    expect(made.stderr).toContain('may not say that AgentWorkspace "asks" sent this');
  });
});
