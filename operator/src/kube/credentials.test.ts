import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { loadCredentials } from './credentials.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'));
});

afterEach(() => rm(folder, { recursive: true }));

async function inPod() {
  const clock = new FakeClock();
  const writeToken = (token: string) => writeFile(join(folder, 'token'), `${token}\n`);
  await writeFile(join(folder, 'ca.crt'), 'the authority');
  await writeToken('first');
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
  const credentials = await loadCredentials({ env, serviceAccount: folder, clock });
  const authorization = async (renew?: boolean) => (await credentials.proof(renew)).headers.authorization;
  return { clock, writeToken, credentials, authorization };
}

describe("a pod's credentials", () => {
  it('are the files of its service account', async () => {
    const { credentials } = await inPod();
    expect(credentials.server).toBe('https://[fd00::1]:6443');
    const { tls, headers } = await credentials.proof();
    expect(String(tls.ca)).toBe('the authority');
    expect(headers).toEqual({ authorization: 'Bearer first' });
  });

  it('follow the token that the kubelet replaces, without reading it for each request', async () => {
    const { clock, writeToken, authorization } = await inPod();
    await writeToken('second');
    expect(await authorization()).toBe('Bearer first');
    await clock.advance(30_000);
    expect(await authorization()).toBe('Bearer second');
  });

  it('are read at once where the server refused them', async () => {
    const { writeToken, authorization } = await inPod();
    await writeToken('second');
    expect(await authorization(true)).toBe('Bearer second');
  });

  it('are used on while they cannot be read, but a refusal then is an error', async () => {
    const { clock, authorization } = await inPod();
    await rm(join(folder, 'token'));
    await clock.advance(30_000);
    expect(await authorization()).toBe('Bearer first');
    await expect(authorization(true)).rejects.toThrow('ENOENT');
  });

  it('name the file that is missing', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
    await expect(loadCredentials({ env, serviceAccount: folder })).rejects.toThrow(join(folder, 'ca.crt'));
  });
});

describe('a kubeconfig', () => {
  const whole = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
    clusters: [
      {
        name: 'c',
        cluster: {
          server: 'https://example.test:6443',
          'certificate-authority-data': Buffer.from('the authority').toString('base64'),
        },
      },
    ],
    users: [{ name: 'u', user: { token: 'a-token' } }],
  };

  async function load(config: object, context?: string) {
    const kubeconfig = join(folder, 'config');
    await writeFile(kubeconfig, JSON.stringify(config));
    // In a pod, too, the file that was asked for is taken.
    return loadCredentials({
      kubeconfig,
      env: { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
      ...(context !== undefined && { context }),
    });
  }

  /** A kubeconfig with one context, cluster and user, all of the same name. */
  function single(name: string, server: string, namespace?: string) {
    return {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      contexts: [{ name, context: { cluster: name, user: name, ...(namespace && { namespace }) } }],
      clusters: [{ name, cluster: { server } }],
      users: [{ name, user: { token: `token of ${name}` } }],
    };
  }

  it('says where the server is, whom to trust and who asks', async () => {
    const credentials = await load(whole);
    expect(credentials.server).toBe('https://example.test:6443');
    const { tls, headers } = await credentials.proof();
    expect(String(tls.ca)).toBe('the authority');
    expect(headers).toEqual({ authorization: 'Bearer a-token' });
  });

  it('without a current context is refused with what to do', async () => {
    await expect(load({ ...whole, 'current-context': '' })).rejects.toThrow('set current-context');
  });

  it('gives another context than the current one where it is asked for, with its namespace', async () => {
    const other = single('there', 'https://there.test', 'team');
    const both = {
      ...whole,
      contexts: [...whole.contexts, ...other.contexts],
      clusters: [...whole.clusters, ...other.clusters],
      users: [...whole.users, ...other.users],
    };
    const { server, namespace, proof } = await load(both, 'there');
    expect({ server, namespace }).toEqual({ server: 'https://there.test', namespace: 'team' });
    expect((await proof()).headers.authorization).toBe('Bearer token of there');
    await expect(load(both, 'nowhere')).rejects.toThrow('no context "nowhere"; it has: here, there');
  });

  it('in several files is merged as kubectl merges it: the first one that says a thing counts', async () => {
    const files = ['missing', 'one', 'two'].map((name) => join(folder, name));
    await writeFile(join(folder, 'one'), JSON.stringify(single('here', 'https://one.test')));
    const two = single('here', 'https://two.test');
    const three = single('there', 'https://three.test');
    await writeFile(
      join(folder, 'two'),
      JSON.stringify({
        ...three,
        contexts: [...two.contexts, ...three.contexts],
        clusters: [...two.clusters, ...three.clusters],
        users: [...two.users, ...three.users],
      }),
    );
    const env = { KUBECONFIG: files.join(delimiter) };
    expect((await loadCredentials({ env })).server).toBe('https://one.test');
    expect((await loadCredentials({ env, context: 'there' })).server).toBe('https://three.test');
  });

  it('that does not exist is named', async () => {
    const kubeconfig = join(folder, 'none');
    await expect(loadCredentials({ kubeconfig })).rejects.toThrow(`kubeconfig ${kubeconfig} does not exist`);
  });

  it('with a proxy is refused, not silently gone around', async () => {
    const [{ name, cluster }] = whole.clusters as [(typeof whole.clusters)[number]];
    const clusters = [{ name, cluster: { ...cluster, 'proxy-url': 'http://proxy.test' } }];
    await expect(load({ ...whole, clusters })).rejects.toThrow('proxy-url');
  });
});
