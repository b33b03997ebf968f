import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../../../test/support/api-server/index.ts';
import { GatewayStandIn } from '../testing/gateway-stand-in.ts';
import { Person } from '../testing/person.ts';
import { forwardTo, PodStreams } from '../testing/pod-streams.ts';

let person: Person;
let gateway: GatewayStandIn;
beforeEach(async () => {
  person = await Person.atKeyboard();
  gateway = await GatewayStandIn.open();
  person.token = 'good';
  person.workspace('ada', { status: { phase: 'Running' } });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await person[Symbol.asyncDispose]();
});

/** Any command that needs the gateway, in a script that says nothing. */
const use = (...args: string[]) => person.run('attach', 'ada', ...args);

function publish(data: Record<string, string>) {
  const metadata = { name: 'dormouse-gateway', namespace: 'kube-public' };
  person.server.objects.put('api/v1/configmaps', 'kube-public/dormouse-gateway', {
    metadata,
    data,
  } as { metadata: { name: string } });
}

function pod(name: string, ready: boolean, namespace = 'dormouse-system') {
  const labels = { 'app.kubernetes.io/name': 'dormouse', 'app.kubernetes.io/component': 'gateway' };
  person.server.objects.put('api/v1/pods', `${namespace}/${name}`, {
    metadata: { name, namespace, labels },
    status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as { metadata: { name: string } });
}

/** The API server gives tokens of one ServiceAccount. */
function give(token: string, name = 'dormouse-cli') {
  person.server.misbehave({
    times: Number.POSITIVE_INFINITY,
    matches: ({ path }) => path === `/api/v1/namespaces/team/serviceaccounts/${name}/token`,
    respond: (response) => {
      const status = { token, expirationTimestamp: '2030-01-01T01:00:00Z' };
      response.writeHead(201).end(JSON.stringify({ status }));
    },
  });
}

describe('the way to the gateway', () => {
  it('is what the person says, before the environment', async () => {
    person.env = { DORMOUSE_GATEWAY: 'http://127.0.0.1:1' };
    expect(await use('--gateway', gateway.url)).toMatchObject({ code: 0, err: '' });
    expect(await use()).toMatchObject({ code: 6, err: expect.stringContaining('$DORMOUSE_GATEWAY') });
    expect(await use('--gateway', 'gateway:80')).toMatchObject({ code: 2 });
  });

  it('may have a path of its own', async () => {
    const asked: string[] = [];
    gateway.intercept = ({ path }) => {
      asked.push(path);
      return false;
    };
    await use('--gateway', `${gateway.url}/behind/`);
    expect(asked).toEqual(['/behind/v1/namespaces/team/workspaces/ada/agent/state']);
  });

  it('is warned of where others could listen', async () => {
    const { err } = await use('--gateway', 'http://0.0.0.0:1');
    expect(err).toContain('http://0.0.0.0:1 is not encrypted');
  });

  it('is the one that the installation publishes, if that is encrypted', async () => {
    publish({ namespace: 'elsewhere', url: 'https://127.0.0.1:1' });
    expect(await use()).toMatchObject({
      code: 6,
      err: expect.stringContaining('https://127.0.0.1:1/, by the installation'),
    });
    publish({ namespace: 'elsewhere', url: gateway.url });
    expect((await use()).err).toContain('namespace "dormouse-system"');
  });

  it('is through the API server where there is no URL, to a pod that is ready', async () => {
    const streams = new PodStreams(
      person.server,
      forwardTo(() => Number(new URL(gateway.url).port)),
    );
    publish({ namespace: 'release' });
    pod('starting', false, 'release');
    pod('ready', true, 'release');
    gateway.onMessage = ({ key }) => {
      gateway.entry('assistant', [{ type: 'text', text: 'x'.repeat(200_000) }]);
      gateway.message({ key });
    };
    person.input = 'hello\n';
    const { code, out } = await use();
    expect({ code, length: out.length }).toEqual({ code: 0, length: 200_001 });
    const paths = new Set(streams.asked.map(({ path, query }) => `${path}?${query}`));
    expect([...paths]).toEqual(['/api/v1/namespaces/release/pods/ready/portforward?ports=8080']);
    expect(streams.asked[0]?.headers.authorization).toBe('Bearer good');
  });

  it('says what is missing on the way through the API server', async () => {
    const streams = new PodStreams(
      person.server,
      forwardTo(() => 1),
    );
    expect(await use()).toMatchObject({
      code: 6,
      err: expect.stringContaining('there is no pod of it in namespace "dormouse-system"'),
    });
    pod('one', false);
    expect((await use()).err).toContain('none of its 1 pods is ready');
    pod('one', true);
    expect((await use()).err).toMatch(/does not answer: .*ECONNREFUSED/);
    streams.forbidden =
      'pods "one" is forbidden: User "eve" cannot create resource "pods/portforward" in API group "" in the namespace "dormouse-system"';
    expect(await use()).toMatchObject({
      code: 4,
      err: expect.stringMatching(/may not create pods\/portforward[\s\S]*gateway\.url[\s\S]*--gateway URL/),
    });
  });
});

describe('the token for the gateway', () => {
  beforeEach(() => {
    person.env = { DORMOUSE_GATEWAY: gateway.url };
  });

  it('is that of a ServiceAccount where the kubeconfig has none, and says so', async () => {
    person.token = '';
    give('good');
    const { code, err } = await use();
    expect(code).toBe(0);
    expect(err).toBe(
      'Your kubeconfig has no token, and the gateway takes nothing else: it sees you as ServiceAccount team/dormouse-cli.\n',
    );
    expect(gateway.asked[0]?.headers.authorization).toBe('Bearer good');
  });

  it('says how to make the ServiceAccount that is not there', async () => {
    person.token = '';
    person.server.misbehave({
      matches: ({ path }) => path.endsWith('/token'),
      respond: answer(404, 'NotFound'),
    });
    expect(await use()).toMatchObject({
      code: 4,
      err: expect.stringMatching(
        /no ServiceAccount "dormouse-cli" in namespace "team"[\s\S]*kubectl create serviceaccount dormouse-cli/,
      ),
    });
  });

  it('is that of the ServiceAccount that the person names, before their own', async () => {
    person.token = 'of the person';
    give('good', 'robot');
    expect(await use('--service-account', 'robot')).toMatchObject({ code: 0, err: '' });
  });

  it('is not asked for by those who may not', async () => {
    person.token = '';
    person.server.misbehave({
      matches: ({ path }) => path.endsWith('/token'),
      respond: answer(403, 'Forbidden'),
    });
    expect((await use()).code).toBe(4);
  });
});
