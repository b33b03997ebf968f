import { gatewayUrl, type RuntimeConfig, type RuntimeState } from '@dormouse/agent-runtime/protocol';
import {
  type AgentMessage,
  type AgentWorkspace,
  type AgentWorkspaceStatus,
  attachedUntilAnnotation,
  templateHashAnnotation,
} from '@dormouse/crds';
import type { Pod } from '../kube/index.ts';
import { type EffectiveSpec, narrow } from './class.ts';
import { conditionOf } from './conditions.ts';
import { type Beginning, beginningOf } from './fork.ts';
import { millisecondsAt } from './instant.ts';
import { isOwnedBy, podSpec, templateDifference, templateHashes } from './pod.ts';
import { buildRuntimeConfig } from './runtime-config.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * `absent`: no pod object. `expected`: a create was accepted, the cache does not show it yet. `alive`: it may run.
 * `going`: a delete was accepted. `ended`: all containers ended for good, the object is still there.
 */
export type PodState = 'absent' | 'expected' | 'alive' | 'going' | 'ended';

/** A snapshot of a workspace that exists, with what follows from it. */
export interface Situation extends Snapshot {
  workspace: AgentWorkspace;
  uid: string;
  status: AgentWorkspaceStatus;
  /** Undefined where the class is missing. */
  effective: EffectiveSpec | undefined;
  runPolicy: 'Auto' | 'Always' | 'Suspended';
  podState: PodState;
  /** The pod, where it belongs to the workspace. */
  ownPod: Pod | undefined;
  /** What agentd says right now; undefined where it does not answer. */
  agent: RuntimeState | undefined;
  /** When the attachment ends or ended (milliseconds). */
  attachedUntil: number | undefined;
  attached: boolean;
  /** When the agent must be awake for a prompt that it scheduled (milliseconds), perhaps in the past. */
  wakeAt: number | undefined;
  /** Messages that agentd does not have yet, in order. */
  pending: AgentMessage[];
  /** Messages that it has and has not completed. */
  open: AgentMessage[];
  /** Whether the agent is to be awake, as the operator sees it. */
  wanted: boolean;
  /** Whether the workspace sleeps with a verified checkpoint. */
  asleep: boolean;
  /** What its volume begins with, or began with. */
  beginning: Beginning;
}

export function situationOf(snapshot: Snapshot, workspace: AgentWorkspace): Situation {
  const status = workspace.status ?? {};
  const uid = workspace.metadata.uid ?? '';
  const found = snapshot.class.found;
  const effective = found === undefined ? undefined : narrow(workspace.spec, found);
  const runPolicy = effective?.runPolicy ?? workspace.spec.runPolicy;
  const ownPod = snapshot.pod !== undefined && isOwnedBy(snapshot.pod, uid) ? snapshot.pod : undefined;
  const podState = podStateOf(snapshot, ownPod);
  const { runtime } = snapshot;
  const agent =
    podState === 'alive' &&
    runtime.connected &&
    runtime.podUID === ownPod?.metadata.uid &&
    runtime.state?.workspace.uid === uid
      ? runtime.state
      : undefined;
  const attachedUntil = millisecondsAt(workspace.metadata.annotations?.[attachedUntilAnnotation]);
  const attached = attachedUntil !== undefined && attachedUntil > snapshot.now;
  // An agent that answers knows better than the status, which is a moment behind.
  const wakeAt = millisecondsAt(agent === undefined ? status.nextWakeAt : agent.nextWakeAt);
  const scheduled = wakeAt !== undefined && wakeAt <= snapshot.now;
  const pending = snapshot.messages.filter((each) => isPending(each));
  const open = snapshot.messages.filter((each) => !isPending(each) && !isTerminal(each));
  return {
    ...snapshot,
    workspace,
    uid,
    status,
    effective,
    runPolicy,
    podState,
    ownPod,
    agent,
    attachedUntil,
    attached,
    wakeAt,
    pending,
    open,
    wanted: runPolicy === 'Always' || (runPolicy === 'Auto' && (pending.length > 0 || attached || scheduled)),
    beginning: beginningOf(snapshot, workspace, effective?.storageSize),
    asleep:
      status.phase === 'Suspended' || (status.phase === 'Failed' && status.suspendedSince !== undefined),
  };
}

export function isPending(message: AgentMessage): boolean {
  return message.status?.phase === undefined || message.status.phase === 'Pending';
}

export function isTerminal(message: AgentMessage): boolean {
  return message.status?.phase === 'Completed' || message.status?.phase === 'Failed';
}

function podStateOf({ expected }: Snapshot, pod: Pod | undefined): PodState {
  if (pod === undefined) return expected.pod?.verb === 'create' ? 'expected' : 'absent';
  if (pod.metadata.deletionTimestamp !== undefined) return 'going';
  if (expected.pod?.verb === 'delete' && expected.pod.uid === pod.metadata.uid) return 'going';
  // The cache still shows the pod before the one that was made.
  if (expected.pod?.verb === 'create' && expected.pod.uid !== pod.metadata.uid) return 'expected';
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded' ? 'ended' : 'alive';
}

/** What a pod was last compared with: making its template and the five hashes took more than a quarter of the time of a plan. */
const compared = new WeakMap<Pod, { with: string; difference: string[] }>();

/** What differs between the pod and the template that it would be made from now; in words. */
export function outdated({ ownPod, workspace, effective }: Situation): string[] {
  if (ownPod === undefined || effective === undefined) return [];
  const of = `${workspace.metadata.generation} ${effective.class.metadata.uid} ${effective.class.metadata.resourceVersion}`;
  const known = compared.get(ownPod);
  if (known?.with === of) return known.difference;
  const difference = templateDifference(
    ownPod.metadata.annotations?.[templateHashAnnotation],
    templateHashes(podSpec(workspace, effective)),
  );
  compared.set(ownPod, { with: of, difference });
  return difference;
}

/** What agentd shall be told; undefined where the class is missing. */
export function wantedConfig(situation: Situation): RuntimeConfig | undefined {
  const { workspace, effective, settings, beginning } = situation;
  const from = beginning.with === 'snapshot' ? beginning.from : undefined;
  return (
    effective && buildRuntimeConfig(workspace, effective, gatewayUrl(settings.gatewayHost, 'model'), from)
  );
}

/**
 * Whether an open message waits for a person: its own tool call does, or an earlier one of its session. Such a message
 * does not keep the workspace awake: questions survive a sleep.
 */
export function isParked(message: AgentMessage, { runtime, agent }: Situation): boolean {
  const record = runtime.records.get(message.metadata.uid ?? '');
  if (record === undefined) return false;
  if ((record.pendingApprovals?.length ?? 0) > 0) return true;
  const session = agent?.sessions.find((each) => each.id === message.spec.session);
  return record.phase === 'Queued' && session?.status === 'waiting';
}

/** Since when nothing happened (milliseconds): the latest of what the agent did and what was asked of it. */
export function quietSince({ runtime, messages, attachedUntil, status, now }: Situation): number {
  const ready = conditionOf(status.conditions, 'Ready');
  // The first look at an agent that answers begins the wait, however long its pod took to come up.
  const up = status.phase === 'Running' || status.phase === 'Checkpointing';
  const upSince = up
    ? ready?.status === 'True'
      ? millisecondsAt(ready.lastTransitionTime)
      : undefined
    : now;
  const moments = [
    runtime.activityAt,
    millisecondsAt(status.startedAt),
    upSince,
    attachedUntil,
    ...messages.flatMap((each) => [
      millisecondsAt(each.metadata.creationTimestamp),
      millisecondsAt(each.status?.completedAt),
    ]),
  ];
  let latest = 0;
  // A clock that is ahead must not keep a workspace awake.
  for (const moment of moments) if (moment !== undefined) latest = Math.max(latest, Math.min(moment, now));
  return latest;
}

/** Whether the volume ever held files of this workspace. */
export function hadFiles({ status }: Situation): boolean {
  // Until its agent answered, the claim of a rewind can be made again from the snapshot.
  if (status.rewind?.phase === 'Restoring') return false;
  if (status.checkpoint !== undefined) return true;
  const storage = conditionOf(status.conditions, 'StorageReady');
  return (
    storage !== undefined && ['Bound', 'Resizing', 'VolumeFailing', 'ClaimLost'].includes(storage.reason)
  );
}
