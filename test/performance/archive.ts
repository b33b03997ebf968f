/**
 * What an archive of a home of 50,000 files takes, beside plain restic and `tar | zstd` on the same files, to the same server: the first
 * one, one where nothing changed, and one after a file changed. The server is on this machine, so the line is no part of it.
 */
import { execFile, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createZstdCompress } from 'node:zlib';
import { type AgentCheckpoint, apiVersion } from '@dormouse/crds';
import { bucketSecret, bucketSpec, startBucket } from '../support/bucket.ts';
import { classLikeDefault } from '../support/classes.ts';
import { type Cluster, type KubernetesObject, reference } from '../support/cluster.ts';
import { resticProgram } from '../support/go-program.ts';
import { s3Key } from '../support/s3-server/index.ts';
import { Workspaces } from '../support/workspaces.ts';
import type { Aim } from './statistics.ts';

const run = promisify(execFile);

/** Makes `tree`: files of 20 KiB on average, half of them words, half of them noise. The same each time. */
const maker = `
import os, random
r = random.Random(1)
words = [bytes(r.choices(range(97, 123), k=r.randint(2, 9))) for _ in range(4000)]
for d in range(500):
    folder = f"tree/{d % 20}/{d}"
    os.makedirs(folder)
    for f in range(FILES // 500):
        size = SIZE // FILES * r.randint(5, 15) // 10
        data = r.randbytes(size) if f % 2 else b" ".join(r.choices(words, k=size // 6))[:size]
        open(f"{folder}/{f}", "wb").write(data)
`;

interface Times {
  first: number;
  unchanged: number;
  oneFile: number;
}

/** @param files of the home, 1 GiB together */
export async function archive(cluster: Cluster, files: number) {
  await using open = new AsyncDisposableStack();
  const namespace = open.use(await cluster.namespace('bench-archive'));
  const s3 = open.use(await startBucket());
  const secret = open.use(await bucketSecret(cluster, `bucket-of-${namespace.name}`));
  const archiving = open.use(
    await classLikeDefault(cluster, namespace.name, (spec) => {
      spec.archive = bucketSpec(s3, secret.name, 'bench');
    }),
  );
  const script = maker.replaceAll('FILES', String(files)).replaceAll('SIZE', String(2 ** 30));
  const workspaces = new Workspaces(cluster, namespace.name);
  await workspaces.create('w', {
    classRef: { name: archiving.name },
    storage: { size: '8Gi' },
    idle: { after: '1h' },
  });
  await workspaces.ask('w', `tool Write ${JSON.stringify({ file_path: 'make.py', content: script })}`);
  const counted = await workspaces.ask(
    'w',
    'run: python3 make.py && sync && find tree -type f | wc -l',
    'default',
    600_000,
  );
  if (!counted.includes(String(files))) throw new Error(`the home was not filled: ${counted.slice(-500)}`);

  const checkpoints = async (name: string) => {
    const at = reference(apiVersion, 'AgentCheckpoint', name, namespace.name);
    await cluster.create({ ...at, spec: { workspaceRef: { name: 'w' }, archive: true } } as KubernetesObject);
    const found = await cluster.waitFor<KubernetesObject & AgentCheckpoint>(
      at,
      'archived',
      ({ status } = { status: {} } as never) =>
        status?.archive?.phase === 'Completed' || status?.archive?.phase === 'Failed',
      900_000,
    );
    const its = found?.status?.archive;
    if (its?.phase !== 'Completed') throw new Error(`archive ${name}: ${its?.message}`);
    return {
      seconds: (Date.parse(its.completedAt ?? '') - Date.parse(its.startedAt ?? '')) / 1000,
      sent: its.addedBytes ?? 0,
    };
  };
  const first = await checkpoints('first');
  const unchanged = await checkpoints('unchanged');
  await workspaces.ask('w', 'run: echo changed >> tree/1/1/7');
  const oneFile = await checkpoints('one-file');

  const beside = await plain(script, s3.address);
  const aims: Record<string, Aim> = {
    'first / plain restic': { figure: first.seconds / beside.restic.first, most: 1.5 },
    'unchanged / first': { figure: unchanged.seconds / first.seconds, most: 0.5 },
  };
  return {
    files,
    seconds: {
      archive: { first: first.seconds, unchanged: unchanged.seconds, oneFile: oneFile.seconds },
      ...beside,
    },
    sentMiB: Object.fromEntries(
      Object.entries({ first, unchanged, oneFile }).map(([name, { sent }]) => [name, mebibytes(sent)]),
    ),
    aims,
  };
}

function mebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}

/** The same by programs alone, on this machine. */
async function plain(
  script: string,
  address: string,
): Promise<{ restic: Times; tarZstd: { first: number; MiB: number } }> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-archive-'));
  try {
    await writeFile(join(folder, 'make.py'), script);
    await run('python3', ['make.py'], { cwd: folder });
    const program = await resticProgram();
    const env = {
      RESTIC_REPOSITORY: `s3:http://${address}/archives/plain`,
      RESTIC_PASSWORD: 'plain',
      RESTIC_CACHE_DIR: join(folder, 'cache'),
      AWS_ACCESS_KEY_ID: s3Key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
      HOME: folder,
    };
    await run(program, ['init'], { env });
    const backup = () => timed(() => run(program, ['backup', '--quiet', 'tree'], { env, cwd: folder }));
    const first = await backup();
    const unchanged = await backup();
    await writeFile(join(folder, 'tree/1/1/7'), 'changed');
    const restic = { first, unchanged, oneFile: await backup() };
    const made = join(folder, 'tree.tar.zst');
    const seconds = await timed(async () => {
      const tar = spawn('tar', ['--create', 'tree'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
      await pipeline(tar.stdout, createZstdCompress(), createWriteStream(made));
    });
    return { restic, tarZstd: { first: seconds, MiB: mebibytes((await stat(made)).size) } };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function timed(what: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await what();
  return Math.round((performance.now() - since) / 10) / 100;
}
