import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type AgentCheckpoint, apiVersion } from '@dormouse/crds';
import { bucketSecret, bucketSpec, startBucket } from '../support/bucket.ts';
import { classLikeDefault } from '../support/classes.ts';
import { Cluster, connect, type KubernetesObject, reference } from '../support/cluster.ts';
import { readKubeconfig } from '../support/kubeconfig.ts';
import { run } from '../support/program.ts';
import { Workspaces } from '../support/workspaces.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const prefix = 'moved';

async function sure(file: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, { env });
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit ${code}: ${stderr || stdout}`);
  return stdout.trim();
}

/** The images and the chart of this checkout, on a cluster that has neither. */
export async function secondInstallation(name: string): Promise<Cluster> {
  const kubeconfig = await sure(`${root}hack/cluster`, ['kubeconfig', '--name', name]);
  const tag = await sure(`${root}hack/images`, ['load', '--name', name]);
  const options = ['--set', 'operator.replicas=1', '--set', 'gateway.replicas=1'];
  await sure(`${root}hack/lib/release.sh`, [tag, ...options], { KUBECONFIG: kubeconfig });
  return new Cluster(await readKubeconfig(kubeconfig));
}

/** A workspace on its way from one cluster to another, by way of a bucket that both reach. */
export class Move implements AsyncDisposable {
  readonly #here = connect();
  readonly #there: Cluster;
  readonly #opened: AsyncDisposable[] = [];
  #from!: Workspaces;
  #to!: Workspaces;

  static async begin(there: Cluster): Promise<Move> {
    const move = new Move(there);
    const s3 = await startBucket();
    move.#opened.push(s3);
    for (const cluster of [move.#here, there]) {
      const namespace = await cluster.namespace('move');
      const secret = await bucketSecret(cluster, `bucket-of-${namespace.name}`);
      const archiving = await classLikeDefault(cluster, 'moving', (spec) => {
        spec.archive = bucketSpec(s3, secret.name, prefix);
      });
      move.#opened.push(archiving, secret, namespace);
      const workspaces = new Workspaces(cluster, namespace.name);
      if (cluster === there) move.#to = workspaces;
      else move.#from = workspaces;
    }
    return move;
  }

  private constructor(there: Cluster) {
    this.#there = there;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#opened.reverse()) await each[Symbol.asyncDispose]();
    await this.#here[Symbol.asyncDispose]();
  }

  /** Works in the first cluster, is archived, and is written down; what stands in the file, and where it is. */
  async exported(): Promise<{ path: string; repository: string } & AsyncDisposable> {
    await this.#from.create('ada', { classRef: { name: 'moving' } });
    await this.#from.ask('ada', 'remember: the heron nests on the north bank');
    await this.#from.ask('ada', 'write notes.txt: three eggs');
    await this.#dormouse(this.#from, ['checkpoint', 'ada', '--archive', '--timeout', '2m']);
    const folder = await mkdtemp(join(tmpdir(), 'move-'));
    const path = join(folder, 'ada.json');
    await this.#dormouse(this.#from, ['export', 'ada', path]);
    if (((await stat(path)).mode & 0o077) !== 0) throw new Error(`others may read ${path}`);
    const { repository } = JSON.parse(await readFile(path, 'utf8'));
    const forget = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
    this.#opened.push(forget);
    return { path, repository, ...forget };
  }

  async import({ path }: { path: string }): Promise<void> {
    await this.#dormouse(this.#to, ['import', path, '--class', 'moving', '--wait', '--timeout', '3m']);
  }

  /** Of the workspace as it is in the second cluster. */
  ask(text: string): Promise<string> {
    return this.#to.ask('ada', text);
  }

  /** The repository that its own archive is in. */
  async archivedAgain(): Promise<string | undefined> {
    const at = reference(apiVersion, 'AgentCheckpoint', 'again', this.#to.namespace);
    await this.#there.create({
      ...at,
      spec: { workspaceRef: { name: 'ada' }, archive: true },
    } as KubernetesObject);
    const found = await this.#there.waitFor<KubernetesObject & AgentCheckpoint>(
      at,
      'archived',
      (checkpoint) => checkpoint?.status?.archive?.phase === 'Completed',
      120_000,
    );
    return found?.status?.archive?.repository;
  }

  #dormouse({ cluster, namespace }: Workspaces, args: string[]): Promise<string> {
    return sure(process.execPath, [`${root}cli/src/main.ts`, ...args, '--namespace', namespace], {
      KUBECONFIG: cluster.access.file,
    });
  }
}
