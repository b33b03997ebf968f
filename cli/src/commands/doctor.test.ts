import { type KindDefinition, kinds } from '@dormouse/crds';
import { customResourceDefinition } from '@dormouse/crds/definition';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, cut } from '../../../test/support/api-server/index.ts';
import { GatewayStandIn, refuse } from '../testing/gateway-stand-in.ts';
import { collections, Person } from '../testing/person.ts';

let person: Person;
let gateway: GatewayStandIn;
beforeEach(async () => {
  person = await Person.atKeyboard();
  gateway = await GatewayStandIn.open();
  person.env = { DORMOUSE_GATEWAY: gateway.url };
  person.token = 'good';
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await person[Symbol.asyncDispose]();
});

type Named = { metadata: { name: string } };
const put = (collection: string, key: string, object: object) =>
  person.server.objects.put(collection, key, object as Named);

function define(
  kind: KindDefinition,
  change: (definition: ReturnType<typeof customResourceDefinition>) => void = () => {},
) {
  const definition = structuredClone(customResourceDefinition(kind));
  change(definition);
  put(collections.definitions, definition.metadata.name, definition);
}

/** A cluster in which all is well, of Kubernetes 1.31. */
function install({ minor = '31', may = (_resource: string): boolean => true } = {}) {
  const always = Number.MAX_SAFE_INTEGER;
  person.server.misbehave({
    times: always,
    matches: ({ path }) => path === '/version',
    respond: (response) => response.end(JSON.stringify({ major: '1', minor, gitVersion: `v1.${minor}.0` })),
  });
  person.server.misbehave({
    times: always,
    matches: ({ path }) => path.endsWith('/selfsubjectaccessreviews'),
    respond: (response, { body }) => {
      const { resourceAttributes } = body.spec as { resourceAttributes: { resource: string } };
      response.end(JSON.stringify({ status: { allowed: may(resourceAttributes.resource) } }));
    },
  });
  for (const kind of kinds) define(kind);
  const operator = { name: 'dormouse-operator', namespace: 'system' };
  const labels = { 'app.kubernetes.io/name': 'dormouse', 'app.kubernetes.io/component': 'operator' };
  put(collections.deployments, 'system/dormouse-operator', {
    metadata: { ...operator, labels },
    spec: { replicas: 2 },
    status: { readyReplicas: 2 },
  });
  put(collections.leases, 'system/dormouse-operator', {
    metadata: operator,
    spec: { holderIdentity: 'one', renewTime: '2029-12-31T23:59:58.000000Z', leaseDurationSeconds: 4 },
  });
  put(collections.classes, 'standard', {
    metadata: { name: 'standard', annotations: { 'dormouse.dev/is-default-class': 'true' } },
    spec: {
      model: {
        default: 'm',
        baseUrl: 'https://api.anthropic.com',
        secretRef: { name: 'key', key: 'api-key' },
      },
    },
  });
  put('api/v1/secrets', 'system/key', { metadata: { name: 'key', namespace: 'system' } });
  put(collections.storageClasses, 'fast', {
    metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  });
}

/** The lines about what is not well, with their mending. */
async function complaints() {
  const { code, out } = await person.run('doctor');
  return {
    code,
    text: out
      .split('\n')
      .filter((line) => !line.startsWith('✓'))
      .join('\n'),
  };
}

describe('doctor', () => {
  it('finds nothing where all is well', async () => {
    install();
    const { code, out, err } = await person.run('doctor');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const line of out.trimEnd().split('\n')) expect(line).toMatch(/^✓ /);
    const parts = ['operator', 'leader', 'default class', 'model key', 'gateway', 'storage'];
    for (const check of ['API server', 'CRDs', ...parts]) expect(out).toContain(`✓ ${check}: `);
  });

  it('gives its findings to programs', async () => {
    install({ minor: '29+' });
    const { code, out } = await person.run('doctor', '-o', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(out)[0]).toMatchObject({
      check: 'API server',
      result: 'bad',
      mend: ['Upgrade the cluster.'],
    });
  });

  it('finds an API server that does not answer, and looks no further', async () => {
    person.server.misbehave({ times: 100, respond: cut });
    const { code, out } = await person.run('doctor', '-o', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual([
      expect.objectContaining({
        check: 'API server',
        result: 'bad',
        message: expect.stringContaining('does not answer'),
      }),
    ]);
  });

  it('says where Dormouse is not installed how to install it', async () => {
    install();
    for (const { metadata } of kinds.map(customResourceDefinition))
      person.server.objects.delete(collections.definitions, metadata.name);
    const { code, text } = await complaints();
    expect(code).toBe(1);
    expect(text).toContain(
      '✗ CRDs: Dormouse is not installed in this cluster\n    Install it:  helm install',
    );
  });

  it('finds a schema of another version, and says where it differs first', async () => {
    install();
    const [workspace] = kinds as [KindDefinition];
    define(workspace, (definition) => {
      const keep =
        definition.spec.versions[0]?.schema.openAPIV3Schema.properties?.spec?.properties?.checkpoint;
      Object.assign(keep?.properties?.keep ?? {}, { maximum: 5 });
    });
    expect((await complaints()).text).toContain(
      'AgentWorkspace (properties.spec.properties.checkpoint.properties.keep.maximum)',
    );
  });

  it('overlooks other words in a description, and what no version of ours says', async () => {
    install();
    const [workspace] = kinds as [KindDefinition];
    define(workspace, ({ spec }) => {
      const schema = spec.versions[0]?.schema.openAPIV3Schema;
      if (schema !== undefined) schema.description = 'in other words';
    });
    expect((await complaints()).code).toBe(0);
  });

  it('finds an operator that does not run, or does not lead', async () => {
    install();
    const metadata = { name: 'dormouse-operator', namespace: 'system' };
    put(collections.leases, 'system/dormouse-operator', {
      metadata,
      spec: { holderIdentity: 'one', renewTime: '2029-12-31T23:00:00.000000Z', leaseDurationSeconds: 4 },
    });
    expect((await complaints()).text).toContain(
      'one has not renewed the Lease system/dormouse-operator for 60m',
    );
    person.server.objects.delete(collections.deployments, 'system/dormouse-operator');
    expect((await complaints()).text).toContain('✗ operator: no Deployment');
  });

  it('finds a missing default class, key and StorageClass', async () => {
    install();
    person.server.objects.delete('api/v1/secrets', 'system/key');
    person.server.objects.delete(collections.storageClasses, 'fast');
    const first = await complaints();
    expect(first.text).toContain(
      '✗ model key: the Secret system/key that class standard names does not exist',
    );
    expect(first.text).toContain('kubectl create secret generic key --namespace system');
    expect(first.text).toContain('✗ storage: no StorageClass is the default one; there are: none');
    person.server.objects.delete(collections.classes, 'standard');
    expect((await complaints()).text).toContain('✗ default class: no AgentWorkspaceClass is annotated');
  });

  it('asks for the metadata of the Secret alone, never for the key', async () => {
    install();
    await person.run('doctor');
    const asked = person.server.requests.filter(({ collection }) => collection === 'api/v1/secrets');
    expect(asked.map(({ headers }) => headers.accept)).toEqual([
      expect.stringContaining('PartialObjectMetadata'),
    ]);
  });

  it('names the rights that are missing', async () => {
    install({ may: (resource) => resource !== 'agentmessages' });
    const { code, text } = await complaints();
    expect(code).toBe(1);
    expect(text).toContain('✗ you may send messages and read replies: not in namespace team');
    expect(text).toContain('create agentmessages.dormouse.dev');
  });

  it('finds a gateway that is not there, or does not let the person in', async () => {
    install();
    person.token = 'bad';
    expect((await complaints()).text).toContain('✗ gateway: The token is not accepted\n    Log in again');
    person.token = 'good';
    gateway.intercept = (_asked, response) => {
      refuse(response, 403, 'forbidden', 'You may not attach.');
      return true;
    };
    const { code, text } = await complaints();
    expect(code).toBe(1);
    expect(text).toMatch(/✗ gateway: you may not attach in namespace team\n.*--clusterrole dormouse-user/);
    person.env = {};
    expect((await complaints()).text).toMatch(/✗ gateway: the gateway is not there[\s\S]*--gateway URL/);
  });

  it('asks the gateway for no workspace that there is', async () => {
    install();
    await person.run('doctor');
    expect(gateway.asked.map(({ path }) => path)).toEqual([
      expect.stringMatching(/^\/v1\/namespaces\/team\/workspaces\/doctor-x{50}\/agent\/state$/),
    ]);
  });

  it('does not take for a fault what the person may not look at', async () => {
    install();
    person.server.misbehave({
      times: 2,
      matches: ({ collection }) => collection === collections.deployments,
      respond: answer(403, 'Forbidden'),
    });
    const { code, text } = await complaints();
    expect(code).toBe(0);
    expect(text).toContain('? operator: not looked at');
    expect(text).toContain('? model key: not looked at: the namespace of the operator');
  });
});
