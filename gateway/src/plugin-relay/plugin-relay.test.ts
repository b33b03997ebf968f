import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { type AgentWorkspace, type AgentWorkspaceClass, sentToAnnotation } from '@dormouse/crds';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packOf } from '../../../agent-runtime/src/agentd/plugins/git-answer.ts';
import { archiveOf, gitServer, registry } from '../../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import { ModelWorld } from '../model-proxy/testing/model-world.ts';

const own = 'apis/dormouse.dev/v1alpha1';
const host = 'plugins.example.com';
const authorization = 'Basic the-key';
const headersFrom = [{ name: 'Authorization', secretKeyRef: { name: 'reader', key: 'header' } }];
const files = { 'skills/check/SKILL.md': 'CHECK' };
const trusted = getCACertificates('default');
let folder: string;
let tls: { key: Buffer; cert: Buffer };
let here: ModelWorld;
let server: { close(): Promise<void> } | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-plugin-relay-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', ...made, ...subject], { stdio: 'ignore' });
  tls = { key: await readFile(key), cert: await readFile(cert) };
  setDefaultCACertificates([...trusted, tls.cert.toString()]);
});
afterAll(async () => {
  setDefaultCACertificates(trusted);
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  here = await ModelWorld.open();
  here.world.names.set(host, ['93.184.216.34']);
});
afterEach(async () => {
  await here[Symbol.asyncDispose]();
  await server?.close();
  server = undefined;
});

/** What every address leads to, at the port that is the only one which the class allows. */
async function outside(port: number, sentTo: string): Promise<void> {
  const { world } = here;
  await world.outside.stop();
  world.outside.port = port;
  const { objects } = world.api;
  const standard = objects.get(`${own}/agentworkspaceclasses`, 'standard') as unknown as AgentWorkspaceClass;
  const spec = { ...standard.spec, egress: { allow: [{ host, ports: [port] }] } };
  objects.put(`${own}/agentworkspaceclasses`, 'standard', { ...standard, spec } as never);
  await world.shown('agentworkspaceclasses', { name: 'standard' });
  objects.put('api/v1/secrets', 'team/reader', {
    metadata: { namespace: 'team', name: 'reader', annotations: { [sentToAnnotation]: sentTo } },
    data: { header: Buffer.from(authorization).toString('base64') },
  } as never);
}

async function declare(plugin: object): Promise<void> {
  const { objects } = here.world.api;
  const home = objects.get(`${own}/agentworkspaces`, 'team/home') as unknown as AgentWorkspace;
  const plugins = [{ name: 'review', ...plugin }] as AgentWorkspace['spec']['plugins'];
  objects.put(`${own}/agentworkspaces`, 'team/home', { ...home, spec: { ...home.spec, plugins } } as never);
  await here.world.shown('agentworkspaces', { namespace: 'team', name: 'home' });
}

const ask = (part: string, init: RequestInit = {}) =>
  here.fetch(`/v1/plugins/review/${part}`, { method: 'GET', body: null, redirect: 'manual', ...init });
const why = async (answer: Response) => {
  const { error } = (await answer.json()) as { error: { message: string } };
  expect(answer.headers.get('x-dormouse-reason')).not.toBeNull();
  return `${answer.status} ${error.message}`;
};

describe.each(['sha1', 'sha256'] as const)('a git repository (%s) that only some may read', (format) => {
  async function repository(sentTo = (url: string) => url) {
    const git = await gitServer(join(folder, `${format}-${performance.now()}`), format, {
      authorization,
      at: { address: '127.0.0.1', port: 0, host },
    });
    server = git;
    await outside(Number(new URL(git.url).port), sentTo(git.url));
    return { git, commit: await git.commit(files) };
  }

  it('gives the commit that is pinned with all its files, and nothing of its past', async () => {
    const { git, commit: first } = await repository();
    const second = await git.commit({ 'skills/check/SKILL.md': 'LATER' });
    await declare({ git: { url: git.url, commit: second }, headersFrom });
    const answer = await ask('pack');
    expect(answer.status).toBe(200);
    const pack = packOf(Buffer.from(await answer.arrayBuffer()));
    const bare = join(folder, `bare-${format}`);
    execFileSync('git', ['init', '-q', '--bare', `--object-format=${format}`, bare]);
    const inBare = { cwd: bare, stdio: ['pipe', 'pipe', 'ignore'] as ['pipe', 'pipe', 'ignore'] };
    execFileSync('git', ['index-pack', '--stdin'], { ...inBare, input: pack });
    const show = (what: string) => execFileSync('git', ['cat-file', 'blob', what], inBare).toString();
    expect(show(`${second}:skills/check/SKILL.md`)).toBe('LATER');
    expect(() => execFileSync('git', ['cat-file', '-e', first], inBare)).toThrow();
    expect(here.world.audits.at(-1)).toMatchObject({
      ...{ action: 'plugin', workspace: 'team/home', plugin: 'review', part: 'pack' },
      ...{ outcome: 'answered', status: 200 },
    });
    expect(JSON.stringify(here.world.lines)).not.toContain('the-key');
  });

  it('is asked with the headers only below what the Secret is for', async () => {
    const { git, commit } = await repository((url) => `${new URL(url).origin}/.gi`);
    await declare({ git: { url: git.url, commit }, headersFrom });
    expect(await why(await ask('pack'))).toMatch(
      /^403 Secret team\/reader is not for \S+\/\.git\/git-upload/,
    );
    await outside(here.world.outside.port, `${new URL(git.url).origin}/.git/`);
    await declare({ git: { url: git.url.replace('/.git', '/.git/%2e%2e%2fother'), commit }, headersFrom });
    here.world.forgetAnswers();
    expect(await why(await ask('pack'))).toMatch(/^403 Secret team\/reader is not for/);
    expect(here.world.dialed).toEqual([]);
  });
});

describe('an artifact of a registry that only some may read', () => {
  async function artifact(sentTo: (origin: string) => string = (origin) => origin) {
    const { bytes } = await archiveOf(files);
    const made = await registry(bytes, { authorization, tls, at: { address: '127.0.0.1', port: 0, host } });
    server = made;
    const [origin = ''] = made.reference.split('/');
    await outside(Number(origin.split(':')[1]), sentTo(`https://${origin}`));
    await declare({ oci: `${made.reference}@sha256:${made.digest}`, headersFrom });
    return { ...made, bytes };
  }

  it('is had with a token for the credentials, which nobody else sees; a redirect is left to who asks', async () => {
    const { digest } = await artifact();
    const answer = await ask(`manifests/sha256:${digest}`);
    expect(answer.status).toBe(200);
    const { layers } = (await answer.json()) as { layers: { digest: string }[] };
    const blob = await ask(`blobs/${layers[0]?.digest}`);
    expect([blob.status, blob.headers.get('location')]).toEqual([307, '/storage']);
    expect(JSON.stringify([[...answer.headers], here.world.lines])).not.toMatch(/the-key|for-some/);
  });

  it('is asked for no other manifest, and no token where the Secret is not for who gives it', async () => {
    const { digest } = await artifact((origin) => `${origin}/v2`);
    expect(await why(await ask(`manifests/sha256:${'1'.repeat(64)}`))).toMatch(
      /^404 manifests\/\S+ is no part/,
    );
    expect(await why(await ask('pack'))).toMatch(/^404 pack is no part of the plugin review/);
    expect(here.world.dialed).toEqual([]);
    expect(await why(await ask(`manifests/sha256:${digest}`))).toMatch(
      /^403 Secret team\/reader is not for \S+\/token: who may write it/,
    );
  });
});

it('is fetched for nobody but a workspace, and only where its spec says so and its class lets it', async () => {
  await declare({ git: { url: `http://${host}/x`, commit: '1'.repeat(40) } });
  expect(await why(await ask('pack'))).toMatch(
    /^404 AgentWorkspace home has no plugin review with headersFrom/,
  );
  expect((await ask('pack', { headers: { authorization: 'Bearer ada-token' } })).status).toBe(401);
  expect((await ask('pack', { headers: { origin: 'https://page' } })).status).toBe(403);
  expect((await ask('pack', { method: 'POST' })).status).toBe(405);
  expect((await ask('blobs/sha256:1')).status).toBe(404);
  await outside(1, `http://${host}`);
  await declare({ git: { url: `http://${host}/x`, commit: '1'.repeat(40) }, headersFrom });
  expect(await why(await ask('pack'))).toMatch(/^403 AgentWorkspace team\/home may not connect to/);
});
