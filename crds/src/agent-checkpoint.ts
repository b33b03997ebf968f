import { z } from 'zod';
import type { CustomObject, KindDefinition } from './resource.ts';
import { objectName, objectReference, observedGeneration, quantity, timestamp } from './scalars.ts';

export const checkpointTriggers = ['Idle', 'Manual', 'Schedule', 'BeforeUpgrade', 'BeforeRewind'] as const;

export const agentCheckpointSpec = z.object({
  workspaceRef: objectReference.meta({ description: 'The workspace, in the same namespace.' }),
  trigger: z.enum(checkpointTriggers).default('Manual').meta({ description: 'Why the checkpoint is taken.' }),
  volumeSnapshot: z.boolean().optional().meta({
    description:
      'Of a checkpoint by hand or on a schedule: whether to take a VolumeSnapshot of the claim as well, of the class that spec.checkpoint.volumeSnapshotClassName of the workspace names. Turns wait and processes are stopped until it is cut; services are then started again. Before a sleep the class alone decides.',
  }),
  rewindTo: objectReference.optional().meta({
    description:
      'Rewinds the workspace to this AgentCheckpoint of it, which has a VolumeSnapshot or an archive: files, conversation and, with a VolumeSnapshot, process images are again as they were then. The present comes first: this checkpoint, always with a VolumeSnapshot or an archive, is the way back. status.rewind of the workspace says what came of it. Goes with the trigger BeforeRewind.',
  }),
  archive: z.boolean().optional().meta({
    description:
      'Of a checkpoint by hand: whether files and conversations go into an archive, where spec.archive of the class says. The workspace is put to sleep for it as soon as it is idle; a message wakes it all the same, and the archive then waits for the next sleep.',
  }),
});

/** Where an archive lies: outside of the cluster, or beside the files themselves. */
export const archivePlaces = ['Bucket', 'Volume'] as const;

export const archivePhases = ['Pending', 'InProgress', 'Completed', 'Failed'] as const;

/** An id of restic: the SHA-256 of what describes a snapshot. */
const snapshotId = z
  .string()
  .max(64)
  .regex(/^[0-9a-f]{64}$/)
  .meta({ patternMessage: 'must be 64 hexadecimal digits' });

/** `NAMESPACE/WORKSPACE/UID`: the path of a repository in a bucket. It ends up in URLs and in the names of objects. */
export const repositoryPath = z
  .string()
  .max(200)
  .regex(/^[a-z0-9][-a-z0-9]{0,62}\/[a-z0-9][-a-z0-9]{0,62}\/[a-z0-9][-a-z0-9]{0,62}$/)
  .meta({ patternMessage: 'must be NAMESPACE/WORKSPACE/UID' });

/** Where the two halves of an archive are: what the agent must not lose, and the files. */
export const archiveSnapshots = z.object({
  state: snapshotId.meta({ description: 'The conversations and what else the agent keeps.' }),
  home: snapshotId.meta({ description: 'The files.' }),
});

export const checkpointPhases = ['Pending', 'InProgress', 'Completed', 'Failed'] as const;

export const agentCheckpointStatus = z.object({
  phase: z
    .enum(checkpointPhases)
    .optional()
    .meta({ description: 'Completed: the manifest is on the volume and matches its digest.' }),
  observedGeneration,
  sequence: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Counts up by one for each checkpoint of a workspace.' }),
  sessions: z.int().min(0).optional().meta({ description: 'Sessions in the checkpoint.' }),
  processes: z
    .object({
      services: z.int().min(0).meta({ description: 'Services that ran.' }),
      background: z.int().min(0).meta({ description: 'Background tasks that ran.' }),
    })
    .optional()
    .meta({ description: 'Services and background tasks that ran when it was taken.' }),
  bytes: z.int().min(0).optional().meta({ description: 'Bytes that the manifest covers.' }),
  digest: z.string().max(71).optional().meta({ description: 'SHA-256 of the manifest, as sha256:HEX.' }),
  startedAt: timestamp.optional().meta({ description: 'When the agent was asked for it.' }),
  completedAt: timestamp.optional().meta({ description: 'When it was completed or failed.' }),
  durations: z
    .object({
      flush: z.int().min(0).meta({ description: 'Holding turns and writing out sessions.' }),
      stop: z.int().min(0).meta({ description: 'Stopping processes.' }),
      manifest: z.int().min(0).meta({ description: 'Hashing and writing the manifest.' }),
      total: z.int().min(0).meta({ description: 'From the request to the manifest on disk.' }),
    })
    .partial()
    .optional()
    .meta({ description: 'Milliseconds of each step.' }),
  volumeSnapshot: z
    .object({
      name: objectName.meta({ description: 'The VolumeSnapshot, in the same namespace.' }),
      readyToUse: z.boolean().meta({ description: 'Whether a workspace can be made from it now.' }),
      restoreSize: quantity
        .optional()
        .meta({ description: 'The least spec.storage.size of a workspace that is made from it.' }),
    })
    .optional()
    .meta({
      description:
        'The files at the instant of the checkpoint: what a workspace can be forked from. It is deleted with the last AgentCheckpoint that names it.',
    }),
  archive: z
    .object({
      phase: z.enum(archivePhases).meta({
        description: 'Completed: everything is there. InProgress is written anew every few seconds.',
      }),
      place: z.enum(archivePlaces).optional().meta({
        description:
          'Where it is: in the bucket, or on the volume of the workspace, which it goes with. Absent: in the bucket.',
      }),
      repository: repositoryPath
        .optional()
        .meta({ description: 'The repository of the workspace, below spec.archive.prefix of its class.' }),
      snapshots: archiveSnapshots.optional().meta({ description: 'What of the repository is this archive.' }),
      bytes: z
        .int()
        .min(0)
        .optional()
        .meta({ description: 'Bytes of all files, as they lie on the volume.' }),
      files: z.int().min(0).optional().meta({ description: 'Files.' }),
      addedBytes: z.int().min(0).optional().meta({
        description: 'Bytes that were added: what was not there yet, compressed.',
      }),
      percent: z.int().min(0).max(100).optional().meta({ description: 'How much of the files is done.' }),
      startedAt: timestamp.optional().meta({ description: 'When it was begun.' }),
      completedAt: timestamp.optional().meta({ description: 'When it was complete or given up.' }),
      reason: z.string().max(256).optional().meta({
        description: 'One CamelCase word: why it is pending or failed.',
      }),
      message: z.string().max(4096).optional().meta({ description: 'A sentence for people.' }),
    })
    .optional()
    .meta({ description: 'The archive, where spec.archive asked for one.' }),
  reason: z
    .string()
    .max(256)
    .optional()
    .meta({ description: 'One CamelCase word: why it is pending or failed, or has no snapshot.' }),
  message: z.string().max(4096).optional().meta({ description: 'A sentence for people.' }),
});

export type AgentCheckpointSpec = z.output<typeof agentCheckpointSpec>;
export type AgentCheckpointStatus = z.output<typeof agentCheckpointStatus>;
export type AgentCheckpoint = CustomObject<'AgentCheckpoint', AgentCheckpointSpec, AgentCheckpointStatus>;

export const agentCheckpoint: KindDefinition = {
  kind: 'AgentCheckpoint',
  plural: 'agentcheckpoints',
  singular: 'agentcheckpoint',
  shortNames: ['ackpt'],
  scope: 'Namespaced',
  description: 'One point in time of one workspace. Creating one by hand takes a checkpoint.',
  spec: agentCheckpointSpec.meta({
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'spec is immutable: create another AgentCheckpoint instead' },
      {
        rule: "has(self.rewindTo) == (self.trigger == 'BeforeRewind')",
        message:
          'rewindTo goes with the trigger BeforeRewind: set both for a rewind, and neither for a checkpoint alone',
      },
    ],
  }),
  status: agentCheckpointStatus,
  rules: [],
  columns: [
    { name: 'Workspace', type: 'string', jsonPath: '.spec.workspaceRef.name' },
    { name: 'Trigger', type: 'string', jsonPath: '.spec.trigger' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Sequence', type: 'integer', jsonPath: '.status.sequence' },
    { name: 'Snapshot', type: 'boolean', jsonPath: '.status.volumeSnapshot.readyToUse' },
    { name: 'Archive', type: 'string', jsonPath: '.status.archive.phase' },
    { name: 'Bytes', type: 'integer', jsonPath: '.status.bytes', priority: 1 },
    { name: 'Digest', type: 'string', jsonPath: '.status.digest', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: ['.spec.workspaceRef.name', '.status.phase'],
};
