import { type AgentMessage, type AgentWorkspaceClass, apiVersion } from '@dormouse/crds';
import { afterAll, describe, expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import { type KubernetesObject, type Reference, reference } from '../support/cluster.ts';
import { operatorNamespace } from '../support/operator.ts';
import { suite } from '../support/suite.ts';

const here = suite('trouble');
const made: Reference[] = [];

/** A class that the end of the file deletes. Cluster-scoped, so named after the test's namespace. */
async function classLike(
  suffix: string,
  change: (spec: AgentWorkspaceClass['spec']) => void,
): Promise<string> {
  const { cluster, workspaces } = here;
  const { name } = await classLikeDefault(cluster, `${workspaces.namespace}-${suffix}`, change);
  made.push(reference(apiVersion, 'AgentWorkspaceClass', name));
  return name;
}

async function updateClass(name: string, change: object): Promise<void> {
  await here.cluster.patch(reference(apiVersion, 'AgentWorkspaceClass', name), { spec: change });
}

describe('trouble is told in words that name the object to mend, and mending it is enough', () => {
  afterAll(async () => {
    for (const object of made) await here.cluster.delete(object);
  });

  it('a class that does not exist', async () => {
    const { workspaces, cluster } = here;
    const name = `${workspaces.namespace}-late`;
    await workspaces.create('classless', { classRef: { name } });
    await workspaces.inPhase('classless', 'Failed');
    expect(await workspaces.condition('classless', 'ClassResolved', 'False', 'ClassNotFound')).toContain(
      name,
    );
    await classLike('late', () => {});
    expect(await workspaces.ask('classless', 'say: mended')).toContain('mended');
    await cluster.delete(workspaces.reference('classless'));
  });

  it('a volume that cannot be provisioned', async () => {
    const { workspaces, cluster } = here;
    const storageClassName = `${workspaces.namespace}-late`;
    await workspaces.create('volumeless', { storage: { storageClassName } });
    const message = await workspaces.send('volumeless', 'say: mended');
    const said = await workspaces.condition('volumeless', 'StorageReady', 'False', 'ProvisioningFailed');
    expect(said).toContain('PersistentVolumeClaim volumeless');
    expect(said).toContain(storageClassName);
    const waiting = await cluster.waitFor<KubernetesObject & AgentMessage>(
      workspaces.message(message),
      'told why it waits',
      (found) => found?.status?.reason === 'WorkspaceFailed',
    );
    expect(waiting?.status?.message).toContain(storageClassName);

    const classes = await cluster.list<KubernetesObject & { provisioner: string }>(
      'storage.k8s.io/v1',
      'StorageClass',
    );
    const standard = classes.find(
      ({ metadata }) => metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
    );
    if (standard === undefined) throw new Error('the cluster has no default StorageClass');
    const storageClass = { ...standard, metadata: { name: storageClassName } };
    await cluster.create(storageClass);
    made.push(storageClass);
    expect(await workspaces.answer(message)).toContain('mended');
    await workspaces.condition('volumeless', 'StorageReady', 'True');
  });

  it('an image that cannot be pulled', async () => {
    const { workspaces } = here;
    let good = '';
    const name = await classLike('image', (spec) => {
      good = spec.images.workspace;
      spec.images.workspace = 'registry.invalid/dormouse/none:1';
    });
    await workspaces.create('imageless', { classRef: { name } });
    const said = await workspaces.condition('imageless', 'PodRunning', 'False', 'ImagePullFailed');
    expect(said).toContain('registry.invalid/dormouse/none:1');
    expect(said).toContain(name);
    await workspaces.inPhase('imageless', 'Failed');
    await updateClass(name, { images: { workspace: good } });
    expect(await workspaces.ask('imageless', 'say: mended')).toContain('mended');
  });

  it('a Secret that is missing', async () => {
    const { workspaces, cluster } = here;
    const secret = `${workspaces.namespace}-key`;
    let right = { name: '', key: '' };
    const name = await classLike('secret', (spec) => {
      if (spec.model.secretRef === undefined) throw new Error('the default class has no secretRef');
      right = spec.model.secretRef;
      spec.model.secretRef = { name: secret, key: 'api-key' };
    });
    await workspaces.create('keyless', { classRef: { name } });
    // It starts all the same: what it has besides an agent works. The key is missed when it is needed.
    const message = await workspaces.send('keyless', 'say: mended');
    const said = await workspaces.condition('keyless', 'ModelReachable', 'False', 'CredentialMissing');
    expect(said).toContain(secret);
    expect(said).toContain(operatorNamespace);
    expect(said).toContain(name);
    const waiting = await workspaces.messageIn(message, ['Working']);
    expect(waiting.status?.reason).toBe('ModelCredentialMissing');
    const good = await cluster.get<KubernetesObject & { data: Record<string, string> }>(
      reference('v1', 'Secret', right.name, operatorNamespace),
    );
    const object: KubernetesObject & Record<string, unknown> = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secret, namespace: operatorNamespace },
      data: { 'api-key': good?.data[right.key] },
    };
    await cluster.create(object);
    made.push(object);
    expect(await workspaces.answer(message)).toContain('mended');
    await workspaces.condition('keyless', 'ModelReachable', 'True');
  });

  it('a model that answers 401', async () => {
    const { workspaces, cluster } = here;
    const secret: KubernetesObject & Record<string, unknown> = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `${workspaces.namespace}-wrong`, namespace: operatorNamespace },
      stringData: { 'api-key': 'not the key' },
    };
    await cluster.create(secret);
    made.push(secret);
    let right = { name: '', key: '' };
    const name = await classLike('unauthorized', (spec) => {
      if (spec.model.secretRef === undefined) throw new Error('the default class has no secretRef');
      right = spec.model.secretRef;
      spec.model.secretRef = { name: secret.metadata.name, key: 'api-key' };
    });
    await workspaces.create('refused', { classRef: { name } });
    const message = await workspaces.send('refused', 'say: mended');
    const said = await workspaces.condition('refused', 'ModelReachable', 'False', 'Unauthorized');
    expect(said).toContain('401');
    expect(said).toContain(secret.metadata.name);
    expect(said).toContain(name);
    expect((await workspaces.messageIn(message, ['Working'])).status?.reason).toBe('ModelUnauthorized');
    const good = await cluster.get<KubernetesObject & { data: Record<string, string> }>(
      reference('v1', 'Secret', right.name, operatorNamespace),
    );
    await cluster.patch(secret, { data: { 'api-key': good?.data[right.key] } });
    expect(await workspaces.answer(message)).toContain('mended');
    await workspaces.condition('refused', 'ModelReachable', 'True');
  });
});
