import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { agentWorkspaceClassSpec, defaultClassAnnotation } from '@dormouse/crds';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { resticProgram } from '../../../test/support/go-program.ts';
import { type S3Server, s3Key, startS3 } from '../../../test/support/s3-server/index.ts';
import { World } from '../testing/world.ts';

const own = 'apis/dormouse.dev/v1alpha1';
let world: World;
let s3: S3Server;
let folder: string;
let program: string;
/** `team/home/UID`. */
let repository: string;

beforeAll(async () => {
  [program, s3, world] = await Promise.all([resticProgram(), startS3(['archives']), World.open()]);
  folder = await mkdtemp(join(tmpdir(), 'archive-'));
  await writeFile(join(folder, 'password'), 'the password of this repository');
}, 240_000);
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
  await s3?.[Symbol.asyncDispose]();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  putCredentials(s3Key.secretAccessKey);
  await putClass();
  world.put('Suspended');
  const { uid } = world.api.objects.get(`${own}/agentworkspaces`, 'team/home')?.metadata ?? {};
  repository = `team/home/${uid}`;
  mount('archive-token', 'home.archive', 'home', uid ?? '');
  world.forgetAnswers();
});

function putCredentials(secret: string | undefined): void {
  const { objects } = world.api;
  if (secret === undefined) return void objects.delete('api/v1/secrets', 'dormouse-system/bucket');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  objects.put('api/v1/secrets', 'dormouse-system/bucket', {
    metadata: { namespace: 'dormouse-system', name: 'bucket' },
    data: { 'access-key-id': base64(s3Key.accessKeyId), 'secret-access-key': base64(`${secret}\n`) },
  } as never);
}

async function putClass(archive: object | null = {}): Promise<void> {
  const bucket = {
    ...{ bucket: 'archives', endpoint: `http://${s3.address}`, prefix: 'clusters/one' },
    credentialsSecretRef: { name: 'bucket' },
    ...archive,
  };
  world.api.objects.put(`${own}/agentworkspaceclasses`, 'standard', {
    metadata: { name: 'standard', annotations: { [defaultClassAnnotation]: 'true' } },
    spec: agentWorkspaceClassSpec.parse({
      images: { agent: 'agent:1', workspace: 'workspace:1' },
      model: { default: 'scripted' },
      ...(archive === null ? {} : { archive: bucket }),
    }),
  } as never);
  await world.shown('agentworkspaceclasses', { name: 'standard' });
}

/** A pod that the workspace owns, and its token. */
function mount(token: string, pod: string, owner: string, ownerUid: string): void {
  const ownerReferences = [
    {
      apiVersion: 'dormouse.dev/v1alpha1',
      kind: 'AgentWorkspace',
      name: owner,
      uid: ownerUid,
      controller: true,
    },
  ];
  const { metadata } = world.api.objects.put('api/v1/pods', `team/${pod}`, {
    metadata: { namespace: 'team', name: pod, ownerReferences },
  } as never);
  world.podTokens.set(token, {
    audience: 'dormouse-gateway',
    namespace: 'team',
    pod,
    uid: metadata.uid ?? '',
  });
}

const url = () => `http://127.0.0.1:${world.archivePort}`;
const ask = (path: string, init: RequestInit = {}, token = 'archive-token') =>
  fetch(`${url()}/v1/archives/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, ...init.headers },
  });

interface Run {
  code: number | null;
  came: { snapshot?: string; problem?: string; addedBytes: number; files: number; bytes: number };
}

/** The archiver as it runs in a pod, with the two halves of a volume in one folder. */
async function archiver(
  part: 'state' | 'home',
  task: 'archive' | 'restore',
  more: Record<string, string> = {},
  token = 'archive-token',
): Promise<Run> {
  await writeFile(join(folder, 'token'), token);
  const scratch = join(folder, 'scratch');
  await mkdir(scratch, { recursive: true });
  const child = spawn(process.execPath, ['agent-runtime/src/archiver/main.ts'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DORMOUSE_ARCHIVE_TASK: task,
      DORMOUSE_ARCHIVE_PART: part,
      DORMOUSE_ARCHIVE_GATEWAY: url(),
      DORMOUSE_ARCHIVE_REPOSITORY: repository,
      DORMOUSE_ARCHIVE_PASSWORD_FILE: join(folder, 'password'),
      DORMOUSE_SCRATCH: scratch,
      DORMOUSE_RESTIC: program,
      DORMOUSE_STATE: join(folder, 'state'),
      DORMOUSE_HOME: join(folder, 'home'),
      DORMOUSE_GATEWAY_TOKEN_FILE: join(folder, 'token'),
      DORMOUSE_TERMINATION_LOG: join(folder, 'end'),
      DORMOUSE_HOST: '127.0.0.1',
      DORMOUSE_PORT: '0',
      ...more,
    },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, came: JSON.parse(await readFile(join(folder, 'end'), 'utf8')) };
}

async function both(keep: string[] = []): Promise<{ state: Run; home: Run }> {
  const DORMOUSE_ARCHIVE_KEEP = keep.join(',');
  const state = await archiver('state', 'archive', { DORMOUSE_ARCHIVE_KEEP });
  return { state, home: await archiver('home', 'archive', { DORMOUSE_ARCHIVE_KEEP }) };
}

async function volume(): Promise<void> {
  for (const each of ['state', 'home']) {
    await rm(join(folder, each), { recursive: true, force: true });
    await mkdir(join(folder, each));
  }
  await writeFile(join(folder, 'state/log.jsonl'), '{"said":"hello"}\n');
  await writeFile(join(folder, 'home/notes.txt'), 'three eggs\n');
}

describe('an archive', { timeout: 120_000 }, () => {
  it('goes by way of the gateway into the bucket, where plain restic reads it, and comes back', async () => {
    await volume();
    const odd = join(folder, 'home/odd');
    await mkdir(odd);
    await writeFile(join(odd, 'new\nline \u001b[31m$(touch made)'), 'a name that is no word');
    await symlink('/etc/passwd', join(odd, 'link'));
    await promisify(execFile)('mkfifo', [join(odd, 'fifo')]);
    const sparse = join(odd, 'sparse');
    await promisify(execFile)('truncate', ['-s', '256M', sparse]);
    const { state, home } = await both();
    expect([state.code, home.code]).toEqual([0, 0]);
    expect(home.came.problem).toBeUndefined();
    expect(home.came.files).toBe(3);
    expect(home.came.addedBytes).toBeLessThan(1_000_000);

    const plain = await promisify(execFile)(
      program,
      ['-r', `s3:http://${s3.address}/archives/clusters/one/${repository}`, 'snapshots', '--json'],
      {
        env: {
          RESTIC_PASSWORD_FILE: join(folder, 'password'),
          AWS_ACCESS_KEY_ID: s3Key.accessKeyId,
          AWS_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
          HOME: folder,
        },
      },
    );
    expect(JSON.parse(plain.stdout)).toHaveLength(2);

    for (const each of ['state', 'home']) {
      await rm(join(folder, each), { recursive: true });
      await mkdir(join(folder, each));
    }
    for (const part of ['home', 'state'] as const) {
      const DORMOUSE_ARCHIVE_SNAPSHOT = { state, home }[part].came.snapshot ?? '';
      expect(await archiver(part, 'restore', { DORMOUSE_ARCHIVE_SNAPSHOT })).toMatchObject({ code: 0 });
    }
    expect(await readFile(join(folder, 'home/notes.txt'), 'utf8')).toBe('three eggs\n');
    expect(await readFile(join(folder, 'state/log.jsonl'), 'utf8')).toContain('hello');
    const { size, blocks } = await stat(sparse);
    expect(size).toBe(2 ** 28);
    expect(blocks).toBeLessThan(1_000);

    // A pod that is started again does not put back what was changed since.
    await writeFile(join(folder, 'home/notes.txt'), 'four eggs\n');
    await archiver('home', 'restore', { DORMOUSE_ARCHIVE_SNAPSHOT: home.came.snapshot ?? '' });
    expect(await readFile(join(folder, 'home/notes.txt'), 'utf8')).toBe('four eggs\n');
  });

  it('sends what is new alone, and forgets what nobody names', async () => {
    await volume();
    const bytes = Buffer.alloc(4 << 20).map(() => Math.random() * 256);
    await writeFile(join(folder, 'home/large'), bytes);
    const first = await both();
    expect(first.home.came.addedBytes).toBeGreaterThan(4 << 20);
    await writeFile(join(folder, 'home/small'), 'new');
    const second = await both([first.state.came.snapshot ?? '', first.home.came.snapshot ?? '']);
    expect(second.home.came.addedBytes).toBeLessThan(100_000);
    const snapshots = async () =>
      ((await (await ask(`${repository}/snapshots/`)).json()) as unknown[]).length;
    expect(await snapshots()).toBe(4);
    await both();
    expect(await snapshots()).toBe(2);
  });

  it('is whole without what cannot be read, and says so', async () => {
    await volume();
    await writeFile(join(folder, 'home/secret\u001b[31m'), 'mine');
    await chmod(join(folder, 'home/secret\u001b[31m'), 0);
    const { home } = await both();
    expect(home.code).toBe(0);
    // Whoever runs as root reads everything.
    if (process.getuid?.() !== 0) expect(home.came.problem).toContain('could not be read');
    expect(home.came.problem ?? '').not.toContain('\u001b');
  });

  it.each([
    ['the bucket is missing', { bucket: 'nowhere' }, 'There is no bucket nowhere'],
    ['the server is not there', { endpoint: 'http://127.0.0.1:1' }, 'was not reached'],
    [
      'the Secret is missing',
      { credentialsSecretRef: { name: 'none' } },
      'There is no Secret dormouse-system/none',
    ],
    ['the class names none', null, 'names no bucket'],
  ])('fails in words where %s', async (_, archive, words) => {
    await volume();
    await putClass(archive);
    if (words === 'was not reached') {
      const answer = await ask(`${repository}/config`);
      expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining(words)]);
      return;
    }
    const { code, came } = await archiver('state', 'archive');
    expect(code).toBe(1);
    expect(came.problem).toContain(words);
  });

  it('fails in words where the key of the bucket is wrong, or the password', async () => {
    await volume();
    await both();
    await writeFile(join(folder, 'other'), 'another password');
    const password = await archiver('state', 'archive', {
      DORMOUSE_ARCHIVE_PASSWORD_FILE: join(folder, 'other'),
    });
    expect(password.came.problem).toContain('The password does not open');
    putCredentials('wrong');
    world.forgetAnswers();
    const key = await archiver('state', 'archive');
    expect(key.code).toBe(1);
    expect(key.came.problem).toMatch(/403 SignatureDoesNotMatch.*Secret bucket/);
  });
});

describe('the door to archives', () => {
  const file = `locks/${'0'.repeat(64)}`;
  it('lets the archive pod write its own archives, and nobody else', async () => {
    world.put('Running');
    const uid = repository.split('/')[2] ?? '';
    mount('home-token', 'home', 'home', uid);
    const write = (path: string, token: string) => ask(path, { method: 'DELETE' }, token);
    expect((await write(`${repository}/${file}`, 'archive-token')).status).toBe(200);
    expect((await write(`${repository}/${file}`, 'home-token')).status).toBe(403);
    expect((await write(`team/other/uid-9/${file}`, 'archive-token')).status).toBe(403);
    expect((await write(`${repository}/${file}`, 'ada-token')).status).toBe(401);
    expect((await fetch(`${url()}/v1/archives/${repository}/${file}`)).status).toBe(401);
    mount('stranger', 'x.archive', 'home', uid);
    expect((await write(`${repository}/${file}`, 'stranger')).status).toBe(401);
  });

  it('lets the pod of a fork read what it comes from', async () => {
    world.put('Running');
    const { objects } = world.api;
    const workspace = objects.get(`${own}/agentworkspaces`, 'team/home') as never as {
      metadata: { uid: string };
    };
    mount('fork-token', 'home', 'home', workspace.metadata.uid);
    const read = (path: string) => ask(path, {}, 'fork-token');
    expect((await read('team/origin/uid-7/config')).status).toBe(403);
    const archive = { repository: 'team/origin/uid-7', snapshots: {}, restored: false };
    objects.put(`${own}/agentworkspaces`, 'team/home', {
      ...workspace,
      status: { phase: 'Starting', forkedFrom: { archive } },
    } as never);
    expect((await read('team/origin/uid-7/config')).status).toBe(404);
    expect((await ask(`team/origin/uid-7/${file}`, { method: 'DELETE' }, 'fork-token')).status).toBe(403);
    expect((await read('team/another/uid-8/config')).status).toBe(403);
    // While it is rewound it reads what it goes back to, and not a moment longer.
    const rewound = (phase: string) => ({
      ...workspace,
      status: { phase: 'Starting', rewind: { phase, to: { archive: { place: 'Bucket', ...archive } } } },
    });
    objects.put(`${own}/agentworkspaces`, 'team/home', rewound('Restoring') as never);
    expect((await read('team/origin/uid-7/config')).status).toBe(404);
    objects.put(`${own}/agentworkspaces`, 'team/home', rewound('Completed') as never);
    expect((await read('team/origin/uid-7/config')).status).toBe(403);
  });

  it('takes nothing under a name that is not its hash', async () => {
    const body = 'something else';
    const answer = await ask(`${repository}/data/${'a'.repeat(64)}`, { method: 'POST', body });
    expect(answer.ok).toBe(false);
    expect((await ask(`${repository}/data/${'a'.repeat(64)}`)).status).toBe(404);
  });

  it.each([
    'team/home',
    'a/b/c/../../d/config',
    'a/b/c/data/xyz',
    'a/b/c/other/',
    'a/b/C/config',
    'a/b/c/config/x',
  ])('does not know %s', async (path) => {
    const answer = await fetch(`${url()}/v1/archives/${path}`, {
      headers: { authorization: 'Bearer archive-token' },
    });
    expect([400, 403, 404]).toContain(answer.status);
  });

  it('does not let an archive pod ask the model', async () => {
    const answer = await fetch(`http://127.0.0.1:${world.modelPort}/v1/models`, {
      headers: { authorization: 'Bearer archive-token' },
    });
    expect(answer.status).toBe(401);
  });
});
