/**
 * The chart's life with the real helm, on the release that the other tests use as well: CRDs belong to the whole cluster, so
 * there is no second one to be had beside it. Whatever happens, the release is brought back with its values.
 * The very first installation, where no CRD is there yet, is what hack/up.sh and hack/test.sh begin with.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultClass, type StoredClass } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import { Release } from '../support/release.ts';
import { suite } from '../support/suite.ts';

const here = suite('helm');
let release: Release;
beforeAll(async () => {
  release = await Release.find(operatorNamespace);
});
afterAll(async () => {
  await release?.install();
  await release?.forget();
});

const masterKey = () =>
  here.cluster.get<KubernetesObject & { data: { key: string } }>(
    reference('v1', 'Secret', 'dormouse-master-key', operatorNamespace),
  );

const operator = reference('apps/v1', 'Deployment', 'dormouse-operator', operatorNamespace);

async function ownClass(): Promise<StoredClass> {
  const found = await defaultClass(here.cluster);
  expect(found.metadata.annotations?.['meta.helm.sh/release-name']).toBe(release.name);
  return found;
}

describe('an upgrade', () => {
  it('refuses a value that does not exist, by name', async () => {
    await expect(release.install({ set: ['operator.replica=3'] })).rejects.toThrow(/'replica' not allowed/);
  });

  it('brings a changed CRD and a changed class; workspaces and the master key stay as they are', async () => {
    const { cluster, workspaces } = here;
    await workspaces.create('upgraded', { runPolicy: 'Suspended' });
    const { uid } = (await workspaces.get('upgraded')).metadata;
    const key = (await masterKey())?.data.key;

    const chart = await release.changedChart('templates/crds/dormouse.dev_agentworkspaces.yaml', (text) =>
      text.replace(
        /^( +)additionalPrinterColumns:\n/m,
        '$&$1  - {name: Made by a test, type: string, jsonPath: .metadata.uid}\n',
      ),
    );
    await release.install({ chart, set: ['defaultClass.ceilings.services=3'] });
    const { stdout } = await cluster.kubectl(['get', 'aw', '-n', workspaces.namespace, '-o', 'wide']);
    expect(stdout).toContain('MADE BY A TEST');
    expect((await ownClass()).spec.ceilings.services).toBe(3);
    expect((await workspaces.get('upgraded')).metadata.uid).toBe(uid);
    expect((await masterKey())?.data.key).toBe(key);

    await release.install();
    const after = await cluster.kubectl(['get', 'aw', '-n', workspaces.namespace, '-o', 'wide']);
    expect(after.stdout).not.toContain('MADE BY A TEST');
  });
});

describe('an uninstallation', () => {
  it('leaves workspaces, claims and keys; the next installation goes on with the same agents', async () => {
    const { cluster, workspaces } = here;
    await workspaces.create('asleep');
    await workspaces.ask('asleep', 'remember: the tide turns at six\nwrite tide.txt: six');
    await workspaces.asleep('asleep');
    await workspaces.create('awake', { runPolicy: 'Always' });
    await workspaces.ask('awake', 'remember: the lamp is lit');
    const [claim, pod] = await Promise.all([
      cluster.get(workspaces.claim('asleep')),
      cluster.get(workspaces.pod('awake')),
    ]);
    const key = (await masterKey())?.data.key;
    const classUid = (await ownClass()).metadata.uid;

    await release.uninstall();
    expect(await cluster.get(operator)).toBeUndefined();
    expect((await workspaces.get('asleep')).status?.phase).toBe('Suspended');
    expect((await cluster.get(workspaces.claim('asleep')))?.metadata.uid).toBe(claim?.metadata.uid);
    expect((await cluster.get(workspaces.pod('awake')))?.metadata.uid).toBe(pod?.metadata.uid);
    expect((await masterKey())?.data.key).toBe(key);
    const { stdout } = await cluster.kubectl(['get', 'clusterroles,clusterrolebindings', '-o', 'name']);
    expect(stdout.split('\n').filter((name) => /\/dormouse-/.test(name))).toEqual([]);

    const waiting = await workspaces.send('asleep', 'recall\nread tide.txt');
    await release.install();
    expect((await ownClass()).metadata.uid).toBe(classUid);
    const answer = await workspaces.answer(waiting);
    expect(answer).toContain('the tide turns at six');
    expect(answer).toMatch(/six\s*$/);
    expect(await workspaces.ask('awake', 'recall')).toContain('the lamp is lit');
    expect((await cluster.get(workspaces.pod('awake')))?.metadata.uid).toBe(pod?.metadata.uid);
  });
});
