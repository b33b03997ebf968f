import type { CheckpointState, RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import type {
  AgentCheckpointSpec,
  AgentCheckpointStatus,
  AgentMessageStatus,
  AgentWorkspaceStatus,
} from '@dormouse/crds';
import type { Desired, PersistentVolumeClaim, Pod, VolumeSnapshot } from '../kube/index.ts';
import type { EventNote } from '../telemetry/index.ts';

type Trigger = AgentCheckpointSpec['trigger'];

/** One thing to do. What it needs to know stands in it; `apply` decides nothing. */
export type Action =
  // The workspace
  | { do: 'addFinalizer' }
  | { do: 'removeFinalizer' }
  /** The whole status as it shall be; refused by the API server where the workspace changed since it was seen. */
  | { do: 'writeStatus'; status: AgentWorkspaceStatus }
  /** Of a workspace that slept longer than its ttlAfterSuspended. */
  | { do: 'deleteWorkspace' }
  // What it owns
  | { do: 'ensureNetworkPolicy' }
  | { do: 'applySecret'; config: RuntimeConfig }
  | { do: 'createClaim'; claim: Desired<PersistentVolumeClaim> }
  | { do: 'growClaim'; uid: string; size: string }
  /** Without a UID: the one that the API server has under the name, where it is the workspace's. */
  | { do: 'deleteClaim'; uid?: string }
  /** One that was made for a workspace which then was gone; kept where another workspace has the name. */
  | { do: 'deleteStrayClaim'; uid: string }
  /** Why a claim has no volume. */
  | { do: 'readClaimEvents'; uid: string }
  | { do: 'createPod'; pod: Desired<Pod> }
  /** `grace` in seconds; absent: what the pod says. */
  | { do: 'deletePod'; uid: string; grace?: number }
  // Its archives
  | { do: 'ensureArchivePolicy' }
  /** For an archive of that checkpoint, or for a fork that is filled from the repository `source`. */
  | { do: 'applyArchiveSecret'; checkpoint?: string; source?: string }
  | { do: 'createArchivePod'; pod: Desired<Pod>; checkpoint: string }
  | { do: 'deleteArchivePod'; uid: string }
  | { do: 'readArchiveProgress'; podUID: string; podName: string; ip: string }
  // Its agent
  | { do: 'pushConfig'; config: RuntimeConfig }
  | { do: 'deliver'; message: string; uid: string }
  | { do: 'requestCheckpoint'; sequence: number; trigger: Trigger; hold: boolean }
  | { do: 'cancelCheckpoint'; sequence: number }
  /** Fetches the manifest and compares its digest. */
  | { do: 'verifyCheckpoint'; sequence: number; digest: string }
  /** Asks the agent once more whether that checkpoint is still held: it may have restarted since it said so. */
  | { do: 'confirmHold'; sequence: number }
  /** Remembers that the checkpoint failed, for the back-off. */
  | {
      do: 'noteCheckpointFailure';
      reason: 'CheckpointFailed' | 'CheckpointTimedOut' | 'DigestMismatch';
      message: string;
    }
  /** Remembers that a pod was lost, for the back-off. */
  | { do: 'notePodLoss' }
  // Its checkpoints and messages
  /** Makes the AgentCheckpoint of a sleep, complete from the start. */
  | {
      do: 'recordCheckpoint';
      name: string;
      trigger: Trigger;
      state: CheckpointState;
      /** What became of its VolumeSnapshot, where one was asked for. */
      snapshot: Pick<AgentCheckpointStatus, 'volumeSnapshot' | 'reason' | 'message'>;
    }
  | { do: 'writeCheckpoint'; name: string; status: AgentCheckpointStatus }
  | { do: 'deleteCheckpoint'; name: string; uid: string }
  | { do: 'createVolumeSnapshot'; snapshot: Desired<VolumeSnapshot> }
  /** Of one that no checkpoint names; refused where the server knows one that does. */
  | { do: 'deleteVolumeSnapshot'; name: string; uid: string }
  | { do: 'writeMessage'; name: string; status: AgentMessageStatus }
  | { do: 'deleteMessage'; name: string; uid: string }
  // What people and Prometheus see
  | { do: 'event'; note: EventNote }
  | { do: 'measure'; what: 'wake' | 'sleep' | 'checkpoint'; seconds: number };

export interface Plan {
  /** Done one after another; what stands in one step is done at the same time. A step that fails ends the plan. */
  steps: Action[][];
  /** The pod whose agent to be connected to; undefined: to none. */
  connectTo: { podUID: string; podName: string; ip: string } | undefined;
  /** When to look again if nothing happens (milliseconds since the epoch). */
  deadline: number | undefined;
}
