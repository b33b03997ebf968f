/**
 * What it costs to keep 10,000 sleeping workspaces with a claim and an answered message each. `node cache.bench.ts`
 * prints microseconds an object for parsing and projecting, then lists them from a server in a process of its own:
 * milliseconds from start to complete caches, resident memory, and processor time while nothing happens.
 *
 * The figures beside the code come from here: Node 26.10, 2 cores shared with others.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { type AgentMessage, type AgentWorkspace, workspaceLabel } from '@dormouse/crds';
import { ApiServer } from '../../../test/support/api-server/index.ts';
import { createInformers } from '../informers.ts';
import { HttpKubeClient, type PersistentVolumeClaim } from '../kube/index.ts';
import { JsonLines } from '../kube/line-parser.ts';
import { createLogger } from '../telemetry/index.ts';
import { projectClaim, projectMessage } from '../workspace/caches.ts';
import { projectWhole } from './project.ts';

const count = 10_000;

/**
 * As `hack/image/operator.Containerfile` has it. A smaller young generation costs no time here, and the first listing
 * leaves 171 MB resident instead of 228. Where cores are few and busy, the threads of a parallel collector wait for each
 * other: in a burst of workspaces a collection of 4 MB took 20 ms with them and 7 ms without.
 */
const asInTheImage = ['--max-semi-space-size=4', '--single-threaded-gc'];

/** Who owns which field, as the API server keeps it for each writer. */
function managedFields(writers: string[], fields: string[]): object[] {
  return writers.map((manager) => ({
    manager,
    operation: 'Apply',
    apiVersion: 'dormouse.dev/v1alpha1',
    time: '2030-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:spec': Object.fromEntries(fields.map((field) => [`f:${field}`, { '.': {}, 'f:value': {} }])),
    },
  }));
}

function metadata(n: number, fields: string[]) {
  return {
    name: `workspace-${n}`,
    namespace: `team-${n % 50}`,
    uid: `7f1f0c6e-3a52-4c1b-9f5e-${String(n).padStart(12, '0')}`,
    generation: 1,
    creationTimestamp: '2030-01-01T00:00:00Z',
    labels: { [workspaceLabel]: `workspace-${n}` },
    finalizers: ['dormouse.dev/workspace'],
    managedFields: managedFields(['kubectl', 'dormouse'], fields),
  };
}

function workspace(n: number) {
  const instant = '2030-01-01T00:00:00Z';
  const condition = (type: string) => ({
    type,
    status: 'True',
    reason: 'AsWanted',
    message: 'Everything is as it was wanted, and nothing needs to be done.',
    lastTransitionTime: instant,
    observedGeneration: 1,
  });
  return {
    apiVersion: 'dormouse.dev/v1alpha1',
    kind: 'AgentWorkspace',
    metadata: metadata(n, [
      'classRef',
      'runPolicy',
      'storage',
      'idle',
      'checkpoint',
      'agent',
      'updatePolicy',
    ]),
    spec: {
      runPolicy: 'Auto',
      storage: { size: '2Gi', retain: 'Delete' },
      idle: { after: '15m' },
      checkpoint: { processes: 'Restart', keep: 3 },
      agent: {},
      updatePolicy: 'OnSleep',
    },
    status: {
      phase: 'Suspended',
      observedGeneration: 1,
      className: 'standard',
      suspendedSince: instant,
      messages: { pending: 0, working: 0 },
      checkpoint: {
        sequence: 7,
        name: `workspace-${n}-7`,
        digest: `sha256:${'a'.repeat(64)}`,
        completedAt: instant,
      },
      conditions: ['Ready', 'ClassResolved', 'StorageReady', 'CheckpointVerified'].map(condition),
    },
  };
}

function claim(n: number) {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadata(n, ['accessModes', 'resources']),
    spec: {
      accessModes: ['ReadWriteOncePod'],
      resources: { requests: { storage: '2Gi' } },
      storageClassName: 'standard',
      volumeName: `pvc-7f1f0c6e-3a52-4c1b-9f5e-${String(n).padStart(12, '0')}`,
      volumeMode: 'Filesystem',
    },
    status: { phase: 'Bound', accessModes: ['ReadWriteOncePod'], capacity: { storage: '2Gi' } },
  };
}

function message(n: number) {
  return {
    apiVersion: 'dormouse.dev/v1alpha1',
    kind: 'AgentMessage',
    metadata: metadata(n, ['workspaceRef', 'session', 'text']),
    spec: {
      workspaceRef: { name: `workspace-${n}` },
      session: 'default',
      text: 'Please look at the failing test and mend it. '.repeat(20),
      ttlAfterCompleted: '24h',
    },
    status: {
      phase: 'Completed',
      reply: { text: 'The test fails because the clock is read twice. '.repeat(40), truncated: false },
      completedAt: '2030-01-01T00:00:00Z',
    },
  };
}

/** The fastest of several rounds, in microseconds an object: the others were disturbed. */
function fastest(work: () => void): string {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 7; round++) {
    const begun = performance.now();
    work();
    best = Math.min(best, performance.now() - begun);
  }
  return `${((best * 1000) / count).toFixed(1)} µs`;
}

function measureParsing<T extends object>(
  kind: string,
  make: (n: number) => object,
  project: (object: T) => T,
): void {
  const lines = Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ type: 'ADDED', object: make(n) })}\n`,
  );
  const bytes = Buffer.from(lines.join(''));
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 65_536) chunks.push(bytes.subarray(at, at + 65_536));
  const feed = (receive: (value: unknown) => void) => {
    const parser = new JsonLines(receive);
    for (const chunk of chunks) parser.push(chunk);
  };
  const kept: T[] = [];
  console.log(kind, {
    bytes: Math.round(bytes.length / count),
    'JSON.parse alone': fastest(() => {
      for (const line of lines) JSON.parse(line);
    }),
    'lines and JSON': fastest(() => feed(() => undefined)),
    'lines, JSON and projection': fastest(() => {
      kept.length = 0;
      feed((value) => kept.push(project((value as { object: T }).object)));
    }),
  });
}

async function serve(): Promise<void> {
  const server = new ApiServer();
  const own = 'apis/dormouse.dev/v1alpha1';
  for (let n = 0; n < count; n++) {
    const key = `team-${n % 50}/workspace-${n}`;
    server.objects.put(`${own}/agentworkspaces`, key, workspace(n));
    server.objects.put(`${own}/agentmessages`, key, message(n));
    server.objects.put('api/v1/persistentvolumeclaims', key, claim(n));
  }
  process.send?.(await server.start());
}

async function listAll(): Promise<void> {
  const begun = performance.now();
  const url = process.argv[3] ?? '';
  const credentials = { server: url, proof: async () => ({ tls: {}, headers: {} }) };
  const client = new HttpKubeClient({ credentials });
  const informers = Object.values(createInformers({ client, log: createLogger('silent') }));
  for (const informer of informers) informer.start();
  await Promise.all(informers.map((informer) => informer.synced));
  const synced = performance.now() - begun;
  const peak = process.memoryUsage().rss;
  // Idle means what it is when nothing happens, once the collector had its time.
  await pause(3_000);
  const before = process.cpuUsage();
  await pause(10_000);
  const { user, system } = process.cpuUsage(before);
  const { rss, heapUsed } = process.memoryUsage();
  console.log('10,000 workspaces, claims and messages', {
    'start to complete': `${Math.round(synced)} ms`,
    'resident then': `${Math.round(peak / 1e6)} MB`,
    'resident later': `${Math.round(rss / 1e6)} MB`,
    heap: `${Math.round(heapUsed / 1e6)} MB`,
    'idle processor': `${((user + system) / 1e5).toFixed(2)} %`,
  });
  for (const informer of informers) await informer.stop();
  await client.close();
}

function child(role: string, ...given: string[]): ChildProcess {
  return fork(import.meta.filename, [role, ...given], { execArgv: role === 'list' ? asInTheImage : [] });
}

async function main(): Promise<void> {
  measureParsing<AgentWorkspace>('workspace', workspace, projectWhole);
  measureParsing<PersistentVolumeClaim>('claim', claim, projectClaim);
  measureParsing<AgentMessage>('message', message, projectMessage);
  const server = child('serve');
  try {
    const [url] = (await once(server, 'message')) as [string];
    await once(child('list', url), 'exit');
  } finally {
    server.kill();
  }
}

const roles: Record<string, () => Promise<void>> = { serve, list: listAll };
await (roles[process.argv[2] ?? ''] ?? main)();
