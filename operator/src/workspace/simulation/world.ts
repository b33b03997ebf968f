import type { ArchiveProgress, MessageRecord } from '@dormouse/agent-runtime/protocol';
import {
  type AgentMessage,
  type AgentWorkspace,
  agentWorkspaceClassSpec,
  agentWorkspaceSpec,
  apiVersion,
  attachedUntilAnnotation,
} from '@dormouse/crds';
import { pino } from 'pino';
import { type Change, Expectations } from '../../cache/index.ts';
import {
  type KubeObject,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type VolumeSnapshot,
} from '../../kube/index.ts';
import { AgentUnreachableError, noRuntime, type RuntimeView } from '../../runtime/index.ts';
import { activityAfter } from '../../runtime/view.ts';
import { referenceOf, sourceOf } from '../caches.ts';
import { RateLimit } from '../rate-limit.ts';
import { Reconciler } from '../reconciler.ts';
import { eventReadsPerSecond } from '../surroundings.ts';
import { emptyVolume, SimulatedAgent, type Volume } from './agent.ts';
import { CrashError, LaggingCache, SimulatedApiServer } from './api-server.ts';

export const name = { namespace: 'team', name: 'hello' };
const key = 'team/hello';

/** A cluster with one workspace, one operator, and a clock that stands still unless somebody moves it. */
export class World {
  now = Date.UTC(2026, 0, 1);
  readonly server = new SimulatedApiServer(() => this.now);
  readonly caches = {
    workspaces: new LaggingCache(this.server, resources.workspaces, (each) => sourceOf(each) ?? ''),
    classes: new LaggingCache(this.server, resources.classes),
    pods: new LaggingCache(this.server, resources.pods),
    claims: new LaggingCache(this.server, resources.persistentVolumeClaims),
    checkpoints: new LaggingCache(this.server, resources.checkpoints, referenceOf),
    messages: new LaggingCache(this.server, resources.messages, referenceOf),
    volumeSnapshots: new LaggingCache(this.server, resources.volumeSnapshots),
  };
  /** What the volume held when each snapshot was cut, by its UID. */
  readonly #cuts = new Map<string, number>();
  volume: Volume = emptyVolume();
  /** Processes on the volume; more than one only where an old one is at rest. */
  agents: SimulatedAgent[] = [];
  /** What the archive pod answers when it is asked. */
  archiveProgress: ArchiveProgress | undefined;
  /** What must never happen and did. */
  readonly violations: string[] = [];
  due = 0;
  #operator = this.#start();
  #view: RuntimeView = noRuntime;
  #messages = 0;
  /** What becomes of the claim of a workspace that is being deleted. */
  #deleting: AgentWorkspace['spec']['storage']['retain'] | undefined;

  constructor() {
    this.server.insert(resources.classes, {
      metadata: {
        name: 'standard',
        annotations: { 'dormouse.dev/is-default-class': 'true' },
      },
      spec: agentWorkspaceClassSpec.parse({
        images: { agent: 'agent:1', workspace: 'workspace:1' },
        model: { default: 'some-model' },
      }),
    });
    this.server.onDelete = (plural, object, grace) => this.#deleted(plural, object, grace);
    this.server.onWrite = () => this.check();
    // As the feed does.
    const tell = ({ type, object }: Change<KubeObject>) => {
      if (type === 'deleted') this.#operator.noteGone(key, object.metadata.uid ?? '');
    };
    this.caches.checkpoints.subscribe(tell);
    this.caches.messages.subscribe(tell);
    this.caches.volumeSnapshots.subscribe(tell);
  }

  // What people do.

  createWorkspace(spec: object = {}): void {
    this.server.insert(resources.workspaces, {
      metadata: { ...name },
      spec: agentWorkspaceSpec.parse({ idle: { after: '10s' }, ...spec }),
    });
  }

  editWorkspace(patch: object): void {
    if (this.workspace !== undefined) this.server.change(resources.workspaces, name, patch);
  }

  attach(milliseconds: number): void {
    const until = new Date(this.now + milliseconds).toISOString();
    this.editWorkspace({ metadata: { annotations: { [attachedUntilAnnotation]: until } } });
  }

  deleteWorkspace(): void {
    if (this.workspace === undefined) return;
    this.#deleting = this.workspace.spec.storage.retain;
    this.server.remove(resources.workspaces, name);
  }

  /** It goes at once, whatever finalizer it has: a deletion that began before there was one. */
  deleteWorkspaceOvertaken(): void {
    this.#deleting = this.workspace?.spec.storage.retain;
    this.server.vanish(resources.workspaces, name);
  }

  editClass(image: string): void {
    this.server.change(resources.classes, { name: 'standard' }, { spec: { images: { agent: image } } });
  }

  send(session = 'default'): void {
    this.#messages += 1;
    this.server.insert(resources.messages, {
      apiVersion,
      kind: 'AgentMessage',
      metadata: { namespace: name.namespace, name: `message-${this.#messages}` },
      spec: { workspaceRef: { name: name.name }, session, text: 'say: hi', ttlAfterCompleted: '24h' },
    });
  }

  /** An answer to the agent's question. */
  answer(id: string): void {
    this.#messages += 1;
    this.server.insert(resources.messages, {
      apiVersion,
      kind: 'AgentMessage',
      metadata: { namespace: name.namespace, name: `message-${this.#messages}` },
      spec: {
        workspaceRef: { name: name.name },
        session: 'default',
        approval: { id, decision: 'Allow' },
        ttlAfterCompleted: '24h',
      },
    });
  }

  requestCheckpoint(volumeSnapshot = false): void {
    this.#messages += 1;
    this.server.insert(resources.checkpoints, {
      apiVersion,
      kind: 'AgentCheckpoint',
      metadata: { namespace: name.namespace, name: `by-hand-${this.#messages}` },
      spec: {
        workspaceRef: { name: name.name },
        trigger: 'Manual',
        ...(volumeSnapshot && { volumeSnapshot }),
      },
    });
  }

  deletePod(): void {
    if (this.pod !== undefined) {
      const operators = this.server.onDelete;
      this.server.onDelete = () => undefined;
      this.server.remove(resources.pods, name);
      this.server.onDelete = operators;
    }
  }

  // What the cluster does.

  evict(): void {
    if (this.pod === undefined || this.pod.metadata.deletionTimestamp !== undefined) return;
    this.#kill(this.pod.metadata.uid);
    this.server.changeStatus(resources.pods, name, { phase: 'Failed', reason: 'Evicted' });
  }

  /** The kubelet starts what was scheduled and ends what was deleted. */
  kubelet(): void {
    const { pod } = this;
    // What was killed without grace lives on for a moment, and then does not.
    const lingering = this.agents.filter((each) => each.podUID !== pod?.metadata.uid);
    if (pod === undefined) {
      for (const each of lingering) each.alive = false;
      this.agents = [];
      return;
    }
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#kill(pod.metadata.uid);
      this.server.vanish(resources.pods, name);
      return;
    }
    const phase = pod.status?.phase;
    if (phase === 'Failed' || phase === 'Running') return;
    const claim = this.server.read(resources.persistentVolumeClaims, name);
    if (claim === undefined) return;
    for (const each of lingering)
      if (!each.atRest) this.violations.push('an agent starts beside one that still writes to the volume');
    this.agents = [
      ...lingering,
      new SimulatedAgent(
        pod.metadata.uid ?? '',
        this.workspace?.metadata.uid ?? '',
        this.volume,
        () => this.now,
      ),
    ];
    this.server.changeStatus(resources.persistentVolumeClaims, name, { phase: 'Bound' });
    this.server.changeStatus(resources.pods, name, {
      phase: 'Running',
      podIP: '10.0.0.7',
      containerStatuses: ['agent', 'workspace'].map((each) => ({ name: each, state: { running: {} } })),
    });
  }

  /** The snapshot controller cuts what is asked for, and later makes it ready. */
  snapshotter(outcome: 'cut' | 'ready' | 'fails'): void {
    for (const { metadata, status } of this.volumeSnapshots) {
      if (outcome === 'fails' && status?.creationTime === undefined)
        this.server.changeStatus(resources.volumeSnapshots, metadata, { error: { message: 'no space' } });
      if (outcome === 'cut' && status?.creationTime === undefined) {
        this.#cuts.set(metadata.uid ?? '', this.volume.cursor);
        const creationTime = new Date(this.now).toISOString();
        this.server.changeStatus(resources.volumeSnapshots, metadata, { creationTime, readyToUse: false });
      }
      if (outcome === 'ready' && status?.creationTime !== undefined)
        this.server.changeStatus(resources.volumeSnapshots, metadata, {
          readyToUse: true,
          restoreSize: '2Gi',
        });
    }
  }

  /** A person, not the operator. */
  deleteCheckpoint(): void {
    const [oldest] = this.server.all(resources.checkpoints);
    if (oldest === undefined || oldest.metadata.name === this.workspace?.status?.checkpointing?.name) return;
    this.server.remove(resources.checkpoints, oldest.metadata);
  }

  // What agentd does.

  get agent(): SimulatedAgent | undefined {
    return this.agents.find((each) => each.podUID === this.pod?.metadata.uid && each.alive);
  }

  /** The operator hears what the agent has said so far. */
  listen(): void {
    const { agent } = this;
    if (this.#view.podUID === undefined) return;
    if (agent === undefined || agent.podUID !== this.#view.podUID) {
      this.#view = { ...this.#view, connected: false, problem: 'refused', records: new Map() };
      return;
    }
    const state = agent.state();
    const fresh = !this.#view.connected || this.#view.state?.bootId !== state.bootId;
    const records = new Map<string, MessageRecord>();
    if (!fresh)
      for (const [uid] of this.#view.records) {
        const record = agent.volume.inbox.get(uid);
        if (record !== undefined) records.set(uid, record);
      }
    this.#view = {
      ...this.#view,
      connected: true,
      state,
      records,
      problem: undefined,
      activityAt: activityAfter(this.#view, state, this.now),
    };
  }

  // What the operator does.

  /** One look at the workspace, perhaps cut off by a crash. */
  async reconcile(fuse?: { writes: number; after: boolean }): Promise<void> {
    this.server.fuse = fuse === undefined ? undefined : { ...fuse };
    try {
      const outcome = await this.#operator.reconcile(key, new AbortController().signal);
      this.due = this.now + (outcome?.requeueAfter ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      if (!(error instanceof CrashError)) throw error;
      this.restartOperator();
    } finally {
      this.server.fuse = undefined;
    }
    this.check();
  }

  restartOperator(): void {
    this.#view = noRuntime;
    this.#operator = this.#start();
  }

  catchUp(): void {
    for (const cache of Object.values(this.caches)) cache.catchUp();
  }

  /** Nothing goes wrong any more: everybody does their part until nothing changes, while time passes. */
  async settle(rounds = 400, step = 250): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      this.kubelet();
      this.agent?.work();
      this.agent?.progress('Completed');
      this.snapshotter('ready');
      this.snapshotter('cut');
      this.catchUp();
      this.listen();
      await this.reconcile();
      this.now += step;
    }
  }

  // What must hold at every moment.

  get workspace(): AgentWorkspace | undefined {
    return this.server.read(resources.workspaces, name);
  }

  get pod(): Pod | undefined {
    return this.server.read(resources.pods, name);
  }

  get claim(): PersistentVolumeClaim | undefined {
    return this.server.read(resources.persistentVolumeClaims, name);
  }

  get messages(): AgentMessage[] {
    return this.server.all(resources.messages);
  }

  get volumeSnapshots(): VolumeSnapshot[] {
    return this.server.all(resources.volumeSnapshots);
  }

  /** Names of the snapshots that checkpoints name. */
  get named(): string[] {
    return this.server.all(resources.checkpoints).flatMap((each) => each.status?.volumeSnapshot?.name ?? []);
  }

  check(): void {
    const { workspace } = this;
    const status = workspace?.status;
    if (status?.phase === 'Suspended') {
      if (this.pod !== undefined) this.violations.push('Suspended, and there is a pod');
      const digest =
        status.checkpoint === undefined ? undefined : this.volume.manifests.get(status.checkpoint.sequence);
      if (digest === undefined || digest !== status.checkpoint?.digest)
        this.violations.push('Suspended without a verified checkpoint');
    }
    for (const { status: its, metadata, spec } of this.server.all(resources.checkpoints)) {
      if (spec.workspaceRef.name !== name.name) continue;
      const snapshot = this.volumeSnapshots.find((each) => each.metadata.name === its?.volumeSnapshot?.name);
      if (its?.volumeSnapshot === undefined || snapshot === undefined) continue;
      const cut = this.#cuts.get(snapshot.metadata.uid ?? '');
      if (cut === undefined) this.violations.push(`${metadata.name} names a snapshot that is not cut`);
      else if (cut !== this.volume.cursors.get(its.sequence ?? 0))
        this.violations.push(`${metadata.name} names a snapshot of another moment`);
    }
    if (new Set(this.volume.transcript).size !== this.volume.transcript.length)
      this.violations.push('a message entered the transcript twice');
    for (const message of this.messages) {
      const record = this.volume.inbox.get(message.metadata.uid ?? '');
      if (message.status?.phase === 'Completed' && record?.phase !== 'Completed')
        this.violations.push('a message is called completed and is not');
    }
  }

  #deleted(plural: string, object: KubeObject, grace: number | undefined): void {
    if (plural === 'persistentvolumeclaims' && this.#deleting !== 'Delete')
      this.violations.push('a claim is deleted without its workspace');
    if (
      plural === 'volumesnapshots' &&
      this.#deleting === undefined &&
      this.named.includes(object.metadata.name)
    )
      this.violations.push('a snapshot is deleted that a checkpoint names');
    if (plural !== 'pods' || this.#deleting !== undefined) return;
    const agent = this.agents.find((each) => each.podUID === object.metadata.uid && each.alive);
    if (agent?.busy) this.violations.push('a pod is deleted while its agent is busy');
    if (grace === 0 && agent !== undefined && !agent.atRest)
      this.violations.push('a pod is killed whose agent is not at rest');
  }

  #kill(uid: string | undefined): void {
    for (const each of this.agents) if (each.podUID === uid) each.alive = false;
    this.agents = this.agents.filter((each) => each.alive);
  }

  #start(): Reconciler {
    const { server, caches } = this;
    const clock = { now: () => this.now, monotonic: () => this.now, schedule: () => () => undefined };
    const expect = {
      pods: new Expectations(caches.pods, { clock }),
      claims: new Expectations(caches.claims, { clock }),
    };
    /** A connection leads to one pod: an agent that came later is not reached through it. */
    const reach = (): SimulatedAgent =>
      this.agents.find((each) => each.podUID === this.#view.podUID && each.alive) ?? unreachable();
    const connection = {
      client: {
        postMessage: async (request: { key: string; session: string }) =>
          reach().post(request.key, request.session),
        answerApproval: async (id: string, { key = '' }: { key?: string }) => reach().answer(id, key),
        putConfig: async ({ config }: { config: { revision: string } }) => {
          reach().revision = config.revision;
        },
        requestCheckpoint: async (request: { sequence: number; trigger: string; hold: boolean }) =>
          reach().requestCheckpoint(request.sequence, request.trigger, request.hold),
        cancelCheckpoint: async (sequence: number) => reach().cancelCheckpoint(sequence),
        state: async () => {
          const agent = reach();
          return agent.state();
        },
        manifestDigest: async (sequence: number) => reach().manifestDigest(sequence),
      },
      noteRecord: (uid: string, record: MessageRecord) => {
        this.#view = { ...this.#view, records: new Map([...this.#view.records, [uid, record]]) };
      },
      note: (change: (state: NonNullable<RuntimeView['state']>) => NonNullable<RuntimeView['state']>) => {
        if (this.#view.state !== undefined) this.#view = { ...this.#view, state: change(this.#view.state) };
      },
      forgetRecords: () => undefined,
    };
    return new Reconciler({
      log: pino({ level: 'silent' }),
      sources: {
        now: () => this.now,
        caches: caches as never,
        expected: expect,
        settings: {
          accessMode: 'ReadWriteOncePod',
          checkpointTimeout: 120_000,
          gatewayHost: 'gateway.test',
        },
      },
      surroundings: {
        kube: server,
        now: () => this.now,
        expect,
        agent: () => (this.#view.podUID === undefined ? undefined : connection) as never,
        archivePassword: (repository) => `password of ${repository}`,
        archiveProgress: async () => this.archiveProgress,
        agentKey: () => 'key',
        egressProxy: () => 'http://gateway.test:8083',
        release: { namespace: 'dormouse-system', operatorOutside: false },
        record: () => undefined,
        measure: () => undefined,
        eventReads: new RateLimit(eventReadsPerSecond),
        policies: new Map(),
      },
      connections: {
        get: () => connection as never,
        view: () => this.#view,
        connect: (_key, target) => {
          if (this.#view.podUID === target.podUID) return;
          this.#view = { ...noRuntime, podUID: target.podUID, since: this.now };
        },
        disconnect: () => {
          this.#view = noRuntime;
        },
      },
    });
  }
}

function unreachable(): never {
  throw new AgentUnreachableError('connection refused');
}
