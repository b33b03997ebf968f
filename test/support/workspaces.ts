import { setTimeout as pause } from 'node:timers/promises';
import type { AgentCheckpoint, AgentMessage, AgentWorkspace, WorkspacePhase } from '@dormouse/crds';
import { apiVersion, workspaceLabel } from '@dormouse/crds';
import { type Cluster, type KubernetesObject, reference } from './cluster.ts';
import type { Output } from './program.ts';

export interface Pod extends KubernetesObject {
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status?: {
    phase?: string;
    podIP?: string;
    containerStatuses?: { name: string; containerID?: string; restartCount: number; ready: boolean }[];
  };
}

/** The spec of a workspace as a user writes it: whatever is left out gets its default from the API server. */
export type WorkspaceInput = {
  [Key in keyof AgentWorkspace['spec']]?: AgentWorkspace['spec'][Key] extends object | undefined
    ? Partial<NonNullable<AgentWorkspace['spec'][Key]>>
    : AgentWorkspace['spec'][Key];
};

/** What kubectl says where the pod is gone, going or not there yet: the command did not begin. */
const neverRan =
  /NotFound|container not found|does not have a host assigned|cannot exec into a container in a completed pod/;

/** Five seconds, the least that is allowed: tests do not wait for minutes. */
const shortIdle = { after: '5s' };

/** Workspaces of one namespace, handled as a user would: by objects of the API server alone. */
export class Workspaces {
  readonly cluster: Cluster;
  readonly namespace: string;
  #sent = 0;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  reference(name: string) {
    return reference(apiVersion, 'AgentWorkspace', name, this.namespace);
  }

  pod(name: string) {
    return reference('v1', 'Pod', name, this.namespace);
  }

  claim(name: string) {
    return reference('v1', 'PersistentVolumeClaim', name, this.namespace);
  }

  async create(name: string, spec: WorkspaceInput = {}): Promise<void> {
    await this.cluster.create({
      apiVersion,
      kind: 'AgentWorkspace',
      metadata: { name, namespace: this.namespace },
      spec: { idle: shortIdle, ...spec, agent: { permissionMode: 'bypassPermissions', ...spec.agent } },
    } as KubernetesObject);
  }

  async get(name: string): Promise<AgentWorkspace> {
    const found = await this.cluster.get<KubernetesObject & AgentWorkspace>(this.reference(name));
    if (found === undefined) throw new Error(`AgentWorkspace ${this.namespace}/${name} does not exist`);
    return found;
  }

  /** Creates a message; answers its name. */
  async send(workspace: string, text: string, session = 'default'): Promise<string> {
    this.#sent += 1;
    const name = `${workspace}-${this.#sent}`;
    await this.cluster.create({
      apiVersion,
      kind: 'AgentMessage',
      metadata: { name, namespace: this.namespace },
      spec: { workspaceRef: { name: workspace }, session, text },
    } as KubernetesObject);
    return name;
  }

  message(name: string) {
    return reference(apiVersion, 'AgentMessage', name, this.namespace);
  }

  /** Waits until the message reached one of the phases. */
  async messageIn(
    name: string,
    phases: NonNullable<AgentMessage['status']>['phase'][],
    limit = 90_000,
  ): Promise<AgentMessage> {
    const found = await this.cluster.waitFor<KubernetesObject & AgentMessage>(
      this.message(name),
      phases.join(' or '),
      (message) => phases.includes(message?.status?.phase),
      limit,
    );
    return found as AgentMessage;
  }

  /** Waits for the answer. A message that failed is an error with its reason. */
  async answer(message: string, limit = 90_000): Promise<string> {
    const { status } = await this.messageIn(message, ['Completed', 'Failed'], limit);
    if (status?.phase === 'Failed')
      throw new Error(`message ${message} failed: ${status.reason}: ${status.message}`);
    return status?.reply?.text ?? '';
  }

  async ask(workspace: string, text: string, session = 'default', limit = 90_000): Promise<string> {
    return this.answer(await this.send(workspace, text, session), limit);
  }

  async inPhase(name: string, phase: WorkspacePhase, limit = 90_000): Promise<AgentWorkspace> {
    const found = await this.cluster.waitFor<KubernetesObject & AgentWorkspace>(
      this.reference(name),
      `phase ${phase}`,
      (workspace) => workspace?.status?.phase === phase,
      limit,
    );
    return found as AgentWorkspace;
  }

  /** Waits until a condition has this status and, where given, this reason; answers its message. */
  async condition(
    name: string,
    type: string,
    status: string,
    reason?: string,
    limit = 90_000,
    says?: RegExp,
  ): Promise<string> {
    const find = (workspace: AgentWorkspace | undefined) =>
      workspace?.status?.conditions?.find(
        (each) =>
          each.type === type &&
          each.status === status &&
          (reason === undefined || each.reason === reason) &&
          (says === undefined || says.test(each.message ?? '')),
      );
    const found = await this.cluster.waitFor<KubernetesObject & AgentWorkspace>(
      this.reference(name),
      `condition ${type}=${status} ${reason ?? ''} ${says ?? ''}`,
      (workspace) => find(workspace) !== undefined,
      limit,
    );
    return find(found)?.message ?? '';
  }

  /** Waits until the operator has seen its spec as it is now. */
  async observed(name: string): Promise<void> {
    await this.cluster.waitFor<KubernetesObject & AgentWorkspace>(
      this.reference(name),
      'observed',
      (workspace) => workspace?.status?.observedGeneration === workspace?.metadata.generation,
    );
  }

  /** Waits for what the condition `ProcessesRestored` says, and resolves with it: what runs is told once the tools of the pod have answered. */
  processesRestored(name: string, status: string, reason: string, says: RegExp): Promise<string> {
    return this.condition(name, 'ProcessesRestored', status, reason, 90_000, says);
  }

  /** Waits until it sleeps, and makes sure that sleeping means what the design says: no pod, a verified checkpoint. */
  async asleep(name: string, limit = 90_000): Promise<AgentWorkspace> {
    const workspace = await this.inPhase(name, 'Suspended', limit);
    if ((await this.pods(name)).length > 0) throw new Error(`${name} is Suspended and has a pod`);
    if (workspace.status?.checkpoint === undefined)
      throw new Error(`${name} is Suspended without a checkpoint`);
    return workspace;
  }

  pods(workspace: string): Promise<Pod[]> {
    return this.cluster.list<Pod>('v1', 'Pod', {
      namespace: this.namespace,
      labelSelector: `${workspaceLabel}=${workspace}`,
    });
  }

  /** The number of a checkpoint. Which number a sleep gets is nothing to rely on: one that the agent did not answer for in time is taken again. */
  async sequence(checkpoint: string): Promise<number> {
    const at = reference(apiVersion, 'AgentCheckpoint', checkpoint, this.namespace);
    const found = await this.cluster.get<KubernetesObject & AgentCheckpoint>(at);
    if (found?.status?.sequence === undefined) throw new Error(`${checkpoint} has no number`);
    return found.status.sequence;
  }

  checkpoints(workspace: string): Promise<(KubernetesObject & AgentCheckpoint)[]> {
    return this.cluster
      .list<KubernetesObject & AgentCheckpoint>(apiVersion, 'AgentCheckpoint', { namespace: this.namespace })
      .then((all) => all.filter((each) => each.spec.workspaceRef.name === workspace));
  }

  /**
   * A command in the untrusted container, as a tool call would run it. A workspace that fell asleep since the test's last
   * step is woken by a message of a session of its own: a slow machine lets five seconds pass between any two steps.
   */
  async inWorkspace(name: string, command: string): Promise<Output> {
    for (let wakes = 0; ; wakes += 1) {
      const output = await this.cluster.exec(this.pod(name), 'workspace', ['bash', '-c', command]);
      if (output.code === 0 || wakes === 3 || !neverRan.test(output.stderr)) return output;
      await this.ask(name, 'say: awake', 'awake');
    }
  }

  /** The lines of a session's transcript, as the untrusted container may read them; waits while that is being restarted. */
  async transcript(name: string, session = 'default'): Promise<TranscriptLine[]> {
    const deadline = Date.now() + 30_000;
    for (;;) {
      // The word at the end proves that all of it came: an exec whose connection breaks off can look like one that ended.
      const path = `/var/lib/dormouse/transcripts/${session}.jsonl`;
      const read = await this.inWorkspace(name, `cat ${path} && echo whole`);
      if (read.code === 0 && read.stdout.endsWith('\nwhole\n'))
        return read.stdout
          .split('\n')
          .slice(0, -2)
          .map((line) => JSON.parse(line) as TranscriptLine);
      if (Date.now() > deadline) throw new Error(`no transcript of ${name}: ${read.stderr}`);
      await pause(200);
    }
  }
}

export interface TranscriptLine {
  type: string;
  uuid: string;
  parentUuid: string | null;
  message?: { role: string; content: string | { type: string; text?: string; [key: string]: unknown }[] };
}

/** All text of a transcript line. */
export function textOf(line: TranscriptLine): string {
  const content = line.message?.content ?? '';
  if (typeof content === 'string') return content;
  return content
    .map((block) => (block.type === 'tool_result' ? JSON.stringify(block) : (block.text ?? '')))
    .join('\n');
}

/** How many lines of a role hold a text: 1 is what "exactly once" means. */
export function occurrences(lines: TranscriptLine[], role: string, text: string): number {
  return lines.filter((line) => line.message?.role === role && textOf(line).includes(text)).length;
}
