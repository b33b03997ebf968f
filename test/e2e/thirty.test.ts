import { describe, expect, it } from 'vitest';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { suite } from '../support/suite.ts';

const here = suite('thirty');
const names = Array.from({ length: 30 }, (_, index) => `w${String(index + 1).padStart(2, '0')}`);

describe('thirty workspaces at once', () => {
  it('all work, all sleep, no pod is left; each wakes alone, and all by one request each', {
    timeout: 600_000,
  }, async () => {
    const { workspaces, witness } = here;
    const { cluster, namespace } = workspaces;
    // Long enough that who was woken first still runs when the last one has answered: a second start would prove nothing.
    await Promise.all(names.map((name) => workspaces.create(name, { idle: { after: '20s' } })));
    const answers = await Promise.all(
      names.map((name) =>
        workspaces.ask(name, `remember: ${name}\nrun: echo ${name} > mine`, 'default', 300_000),
      ),
    );
    expect(answers).toHaveLength(30);

    await Promise.all(names.map((name) => workspaces.asleep(name, 300_000)));
    expect(await cluster.list('v1', 'Pod', { namespace })).toEqual([]);

    expect(await workspaces.ask('w07', 'recall')).toContain('w07');
    const awake = await cluster.list('v1', 'Pod', { namespace });
    expect(awake.map((pod) => pod.metadata.name)).toEqual(['w07']);
    await workspaces.asleep('w07', 300_000);

    await using door = await GatewayForward.open(cluster);
    const user = await tokenWith(cluster, namespace, 'user', ['dormouse-user']);
    const woken = await Promise.all(names.map((name) => wake(door, namespace, name, user)));
    expect(woken).toEqual(names);
    for (const name of names) expect(witness.made(name)).toBe(name === 'w07' ? 3 : 2);
    const read = await Promise.all(
      names.map(async (name) => [name, await workspaces.ask(name, 'run: cat mine', 'default', 300_000)]),
    );
    for (const [name, text] of read) expect(text).toContain(name);
  });
});

/** One request to a workspace that sleeps; says whose state was answered. */
async function wake(door: GatewayForward, namespace: string, name: string, token: string): Promise<string> {
  const answer = await door.patiently(namespace, name, 'agent/state', token);
  if (answer.status !== 200) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { workspace: { name: string } }).workspace.name;
}
