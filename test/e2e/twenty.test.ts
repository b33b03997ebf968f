import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';

const here = suite('twenty');
const names = Array.from({ length: 20 }, (_, index) => `w${String(index + 1).padStart(2, '0')}`);

describe('twenty workspaces at once', () => {
  it('all work, all sleep, no pod is left, and each wakes alone', { timeout: 420_000 }, async () => {
    const { workspaces, witness } = here;
    const { cluster, namespace } = workspaces;
    await Promise.all(names.map((name) => workspaces.create(name)));
    const answers = await Promise.all(
      names.map((name) =>
        workspaces.ask(name, `remember: ${name}\nrun: echo ${name} > mine`, 'default', 300_000),
      ),
    );
    expect(answers).toHaveLength(20);

    await Promise.all(names.map((name) => workspaces.asleep(name, 300_000)));
    expect(await cluster.list('v1', 'Pod', { namespace })).toEqual([]);

    expect(await workspaces.ask('w07', 'recall')).toContain('w07');
    const awake = await cluster.list('v1', 'Pod', { namespace });
    expect(awake.map((pod) => pod.metadata.name)).toEqual(['w07']);

    const rest = names.filter((name) => name !== 'w07');
    const read = await Promise.all(
      rest.map(async (name) => [name, await workspaces.ask(name, 'run: cat mine', 'default', 300_000)]),
    );
    for (const [name, text] of read) expect(text).toContain(name);
    for (const name of names) expect(witness.made(name)).toBe(2);
  });
});
