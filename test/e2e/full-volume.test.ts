import { afterAll, describe, expect, it } from 'vitest';
import { type KubernetesObject, type Reference, reference } from '../support/cluster.ts';
import { onNode } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import { occurrences } from '../support/workspaces.ts';

const here = suite('full');

interface Node extends KubernetesObject {
  spec?: { taints?: { effect: string }[] };
}

describe('a volume that is full', () => {
  const clusterScoped: Reference[] = [];
  let node = '';
  const folder = () => `/var/tmp/${here.workspaces.namespace}`;

  afterAll(async () => {
    for (const each of clusterScoped) await here.cluster.delete(each);
    if (node !== '') await onNode(node, `umount --lazy ${folder()}; rmdir ${folder()}`);
  });

  /** A file system of 16 MiB in memory, as a volume of its own StorageClass: small enough to be filled for real. */
  async function smallVolume(): Promise<string> {
    const { cluster, workspaces } = here;
    const nodes = await cluster.list<Node>('v1', 'Node');
    node = nodes.find(({ spec }) => spec?.taints === undefined)?.metadata.name ?? '';
    await onNode(node, `mkdir ${folder()} && mount -t tmpfs -o size=16m tmpfs ${folder()}`);
    const name = `${workspaces.namespace}-small`;
    const objects = [
      {
        ...reference('storage.k8s.io/v1', 'StorageClass', name),
        provisioner: 'kubernetes.io/no-provisioner',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
      {
        ...reference('v1', 'PersistentVolume', name),
        spec: {
          capacity: { storage: '16Mi' },
          accessModes: ['ReadWriteOncePod'],
          persistentVolumeReclaimPolicy: 'Retain',
          storageClassName: name,
          local: { path: folder() },
          nodeAffinity: {
            required: {
              nodeSelectorTerms: [
                { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
              ],
            },
          },
        },
      },
    ];
    for (const object of objects) {
      await cluster.create(object);
      clusterScoped.push(object);
    }
    return name;
  }

  it('while a checkpoint is written: the workspace stays up and says so, and sleeps when there is space', async () => {
    const { workspaces, cluster, witness } = here;
    const storageClassName = await smallVolume();
    await workspaces.create('full', { storage: { size: '16Mi', storageClassName } });
    await workspaces.ask('full', 'remember: chalk');
    const first = (await workspaces.asleep('full')).status?.checkpoint;
    // It stays up until there is no space left, however long that takes.
    await cluster.patch(workspaces.reference('full'), { spec: { runPolicy: 'Always' } });
    await workspaces.ask('full', 'remember: slate');
    await onNode(node, `head --bytes=32M /dev/zero >${folder()}/home/filler; sync`).catch(() => undefined);
    await cluster.patch(workspaces.reference('full'), { spec: { runPolicy: 'Auto' } });

    const said = await workspaces.condition('full', 'CheckpointVerified', 'False', 'CheckpointFailed');
    expect(said).toMatch(/volume.* is full/);
    expect(said).toContain('spec.storage.size');
    const status = (await workspaces.get('full')).status;
    expect(status?.phase).toBe('Running');
    expect(status?.checkpoint).toEqual(first);

    await onNode(node, `rm ${folder()}/home/filler`);
    const slept = await workspaces.asleep('full', 120_000);
    expect(slept.status?.checkpoint?.sequence).toBeGreaterThan(first?.sequence ?? 0);
    expect(witness.made('full')).toBe(2);
    const recalled = await workspaces.ask('full', 'recall');
    expect(recalled).toContain('chalk');
    expect(recalled).toContain('slate');
    expect(occurrences(await workspaces.transcript('full'), 'user', 'remember: slate')).toBe(1);
  });
});
