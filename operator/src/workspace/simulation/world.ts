import type { ArchiveProgress, MessageRecord, RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import {
  type AgentMessage,
  type AgentWorkspace,
  agentWorkspaceClassSpec,
  agentWorkspaceSpec,
  apiVersion,
  attachedUntilAnnotation,
} from '@dormouse/crds';
import type { Change } from '../../cache/index.ts';
import {
  type KubeObject,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type VolumeSnapshot,
} from '../../kube/index.ts';
import { noRuntime } from '../../runtime/index.ts';
import { activityAfter } from '../../runtime/view.ts';
import { referenceOf, sourceOf } from '../caches.ts';
import { claimNameOf } from '../claim.ts';
import { secretName } from '../pod.ts';
import type { Reconciler } from '../reconciler.ts';
import { emptyVolume, SimulatedAgent, type Volume } from './agent.ts';
import { CrashError, LaggingCache, SimulatedApiServer } from './api-server.ts';
import { Archives } from './archives.ts';
import { violationsIn, wrongDeletion } from './invariants.ts';
import { claimOfPod, name } from './names.ts';
import { type Heard, startOperator } from './operator.ts';
import { snapshotter } from './snapshotter.ts';
import { Volumes } from './volumes.ts';

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
  readonly #volumes = new Volumes(this.server);
  readonly #archives = new Archives(this.server, this.#volumes);
  /** How often each message was begun, on whatever volume. */
  readonly #begun = new Map<string, number>();
  /** The next pod on a volume that was made from a snapshot does not come up. */
  badRestore = false;
  /** Processes on the volume; more than one only where an old one is at rest. */
  agents: SimulatedAgent[] = [];
  /** Whether archive pods do their work. */
  archives = false;
  /** What the archive pod answers when it is asked. */
  archiveProgress: ArchiveProgress | undefined;
  /** What must never happen and did. */
  readonly violations: string[] = [];
  due = 0;
  readonly #heard: Heard = { view: noRuntime };
  #operator = this.#start();
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

  /** To the checkpoint of that name, to the oldest one, or to the newest one that has a snapshot or an archive. */
  requestRewind(to: string): void {
    const all = this.server
      .all(resources.checkpoints)
      .filter(({ spec }) => spec.workspaceRef.name === name.name);
    const newest = all.findLast(
      ({ status }) => status?.volumeSnapshot !== undefined || status?.archive?.phase === 'Completed',
    );
    const target =
      to === 'oldest' ? all[0] : to === 'newest' ? newest : all.find(({ metadata }) => metadata.name === to);
    if (target === undefined) return;
    this.#messages += 1;
    this.server.insert(resources.checkpoints, {
      apiVersion,
      kind: 'AgentCheckpoint',
      metadata: { namespace: name.namespace, name: `rewind-${this.#messages}` },
      spec: {
        workspaceRef: { name: name.name },
        trigger: 'BeforeRewind',
        rewindTo: { name: target.metadata.name },
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
    const claim = this.server.read(resources.persistentVolumeClaims, { ...name, name: claimOfPod(pod) });
    if (claim === undefined) return;
    for (const each of lingering)
      if (!each.atRest) this.violations.push('an agent starts beside one that still writes to the volume');
    this.server.changeStatus(resources.persistentVolumeClaims, claim.metadata, { phase: 'Bound' });
    const filled = this.#archives.fill(pod, claim);
    if (filled === 'waits') return;
    const started = new SimulatedAgent(
      pod.metadata.uid ?? '',
      this.workspace?.metadata.uid ?? '',
      this.#volumes.of(claim),
      () => this.now,
      (key) => this.#began(key),
    );
    const target = this.#configured()?.rewind;
    const bad = this.badRestore && (claim.spec?.dataSource !== undefined || filled !== 'nothing');
    if (bad || filled === 'failed' || (target !== undefined && !started.rewind(target))) {
      this.badRestore = false;
      const waiting = { reason: 'CrashLoopBackOff' };
      this.server.changeStatus(resources.pods, name, {
        containerStatuses: [{ name: 'agent', state: { waiting }, restartCount: 5 }],
      });
      return;
    }
    this.agents = [...lingering, started];
    this.server.changeStatus(resources.pods, name, {
      phase: 'Running',
      podIP: '10.0.0.7',
      containerStatuses: ['agent', 'workspace'].map((each) => ({ name: each, state: { running: {} } })),
    });
  }

  /** The archive pod runs to its end. */
  archiver(): void {
    this.#archives.run();
  }

  /** The snapshot controller cuts what is asked for, and later makes it ready. */
  snapshotter(outcome: 'cut' | 'ready' | 'fails'): void {
    snapshotter(this.server, this.#volumes, outcome, this.now);
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
    if (this.#heard.view.podUID === undefined) return;
    if (agent === undefined || agent.podUID !== this.#heard.view.podUID) {
      this.#heard.view = { ...this.#heard.view, connected: false, problem: 'refused', records: new Map() };
      return;
    }
    const state = agent.state();
    const fresh = !this.#heard.view.connected || this.#heard.view.state?.bootId !== state.bootId;
    const records = new Map<string, MessageRecord>();
    if (!fresh)
      for (const [uid] of this.#heard.view.records) {
        const record = agent.volume.inbox.get(uid);
        if (record !== undefined) records.set(uid, record);
      }
    this.#heard.view = {
      ...this.#heard.view,
      connected: true,
      state,
      records,
      problem: undefined,
      activityAt: activityAfter(this.#heard.view, state, this.now),
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
    this.#heard.view = noRuntime;
    this.#operator = this.#start();
  }

  catchUp(): void {
    for (const cache of Object.values(this.caches)) cache.catchUp();
  }

  /** Nothing goes wrong any more: everybody does their part until nothing changes, while time passes. */
  async settle(rounds = 400, step = 250): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      this.kubelet();
      if (this.archives) this.archiver();
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

  /** The one in force. */
  get claim(): PersistentVolumeClaim | undefined {
    const { workspace } = this;
    const claim = workspace === undefined ? name.name : claimNameOf(workspace);
    return this.server.read(resources.persistentVolumeClaims, { ...name, name: claim });
  }

  /** What the claim in force holds. */
  get volume(): Volume {
    return this.claim === undefined ? emptyVolume() : this.#volumes.of(this.claim);
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
    this.violations.push(...violationsIn(this, this.#volumes));
  }

  #began(key: string): void {
    const times = (this.#begun.get(key) ?? 0) + 1;
    this.#begun.set(key, times);
    if (times > 1) this.violations.push('a message is worked on twice');
  }

  /** What the agent reads when it starts. */
  #configured(): RuntimeConfig | undefined {
    const secret = this.server.read(resources.secrets, { ...name, name: secretName(name.name) });
    const config = secret?.data?.['config.json'];
    return config === undefined ? undefined : JSON.parse(Buffer.from(config, 'base64').toString());
  }

  #deleted(plural: string, object: KubeObject, grace: number | undefined): void {
    if (plural === 'persistentvolumeclaims' && this.#deleting !== 'Delete')
      this.violations.push(...wrongDeletion(this, object));
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
    return startOperator(
      { server: this.server, caches: this.caches, heard: this.#heard },
      { now: () => this.now, agents: () => this.agents, archiveProgress: () => this.archiveProgress },
    );
  }
}
