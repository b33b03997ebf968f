import type { ArchiveProgress } from '@dormouse/agent-runtime/protocol';
import type { AgentCheckpoint, AgentMessage, AgentWorkspace, WorkspaceConditionReason } from '@dormouse/crds';
import type { ObjectName, PersistentVolumeClaim, Pod, VolumeSnapshot } from '../kube/index.ts';
import type { RuntimeView } from '../runtime/index.ts';
import type { AccessMode } from './claim.ts';
import type { ClassLookup } from './class.ts';

export interface Problem<Reason extends string> {
  reason: Reason;
  message: string;
  /** When it was found (milliseconds). */
  at: number;
}

/**
 * What one process remembers of a workspace between two looks. All of it can be lost at any moment: what has to survive
 * stands in an object or on the volume.
 */
export interface Memory {
  podProblem?: Problem<'PodConflict' | 'PodRefused'>;
  claimProblem?: Problem<'ClaimConflict' | 'ClaimRefused' | 'ProvisioningFailed'>;
  /** The size that the claim could not grow to, as `reason`. */
  growthRefused?: Problem<string>;
  /** How often it was time to read the events of the claim, and when last (milliseconds). */
  claimEvents?: { at: number; times: number };
  checkpointProblem?: Problem<
    Exclude<WorkspaceConditionReason<'CheckpointVerified'>, 'Verified' | 'NoneYet'>
  >;
  /** Failures in a row, and when the next try may be (milliseconds). */
  checkpointFailures: number;
  checkpointNotBefore: number;
  /** The sequence that agentd would not take now. */
  checkpointRefused?: { sequence: number; message: string };
  /** The VolumeSnapshot that was last asked for, and the one that cannot be had. */
  snapshotAsked?: string;
  snapshotProblem?: { name: string; message: string };
  /** The checkpoint that cannot be archived. */
  archiveProblem?: { checkpoint: string; message: string };
  /** How far the archive pod was when it was last asked (milliseconds); without progress: it did not answer. */
  archiveProgress?: { podUID: string; at: number; progress?: ArchiveProgress };
  /** The manifest that was last fetched, and whether it matched. */
  verified?: { sequence: number; digest: string; problem?: string };
  /** The revision that the agent refused. */
  configRejected?: { revision: string; message: string };
  /** Messages that agentd refused for good, by UID. */
  refusedMessages: Map<string, string>;
  /** Until when no message is sent, because agentd asked to wait (milliseconds), and why. */
  deliverNotBefore: number;
  deliverProblem?: string;
  /** The claim that this process made for a workspace that takes it along, and when (milliseconds). */
  claimMade?: { uid: string; at: number };
  /** When this process last created the pod (milliseconds). */
  podCreatedAt?: number;
  /** Pods lost in a row, and when the next may be made (milliseconds). */
  podLosses: number;
  podNotBefore: number;
  /** When the status was last written (milliseconds). */
  statusWrittenAt: number;
}

export function emptyMemory(): Memory {
  return {
    checkpointFailures: 0,
    checkpointNotBefore: 0,
    refusedMessages: new Map(),
    deliverNotBefore: 0,
    podLosses: 0,
    podNotBefore: 0,
    statusWrittenAt: 0,
  };
}

/** What the operator was told to do everywhere. Durations in milliseconds. */
export interface Settings {
  accessMode: AccessMode;
  /** After which a checkpoint under way is given up. */
  checkpointTimeout: number;
  /** Where workspaces find the gateway, which asks the model for them and leads out. */
  gatewayHost: string;
}

/** Everything that is known of one workspace at one moment: all that `plan` sees. */
export interface Snapshot {
  /** Milliseconds since the epoch. */
  now: number;
  name: ObjectName & { namespace: string };
  workspace: AgentWorkspace | undefined;
  class: ClassLookup;
  /** As the cache shows it; whether it belongs to the workspace is for the plan to see. */
  pod: Pod | undefined;
  claim: PersistentVolumeClaim | undefined;
  /** The pod that archives the workspace, or another of that name. */
  archivePod: Pod | undefined;
  /** A write that was accepted and that the cache does not show yet. */
  expected: {
    pod?: { verb: 'create' | 'delete'; uid: string };
    claim?: { verb: 'create' | 'delete'; uid: string };
    archivePod?: { verb: 'create' | 'delete'; uid: string };
  };
  /** Those whose workspaceRef names the workspace. */
  checkpoints: readonly AgentCheckpoint[];
  /** Those whose workspaceRef names the workspace, in the order of their creation. */
  messages: readonly AgentMessage[];
  /** Those that carry the workspace's label; undefined: the cluster has no VolumeSnapshots. */
  volumeSnapshots: readonly VolumeSnapshot[] | undefined;
  /** What `spec.source` names, as far as it is there. */
  source: { checkpoint: AgentCheckpoint | undefined; volumeSnapshot: VolumeSnapshot | undefined };
  /** Names of its checkpoints that a fork whose claim is not bound is to be made from. */
  awaited: ReadonlySet<string>;
  runtime: RuntimeView;
  memory: Readonly<Memory>;
  settings: Settings;
}
