import { z } from 'zod';
import { approvalRequest } from './messages.ts';

/** Why a workspace must not sleep now. */
export const busyReason = z.object({
  kind: z.enum(['turn', 'tool', 'background']),
  session: z.string().optional(),
  detail: z.string(),
});

export const sessionState = z.object({
  id: z.string(),
  status: z.enum(['idle', 'working', 'waiting']),
  queued: z.int().min(0),
  entries: z.int().min(0),
});

export const checkpointState = z.object({
  sequence: z.int().min(1),
  trigger: z.string(),
  /** Whether turns stay held after it completed, until the pod goes or `DELETE /v1/checkpoints/SEQUENCE` releases them. */
  hold: z.boolean(),
  phase: z.enum(['InProgress', 'Completed', 'Failed', 'Cancelled']),
  startedAt: z.iso.datetime(),
  completedAt: z.iso.datetime().optional(),
  /** `sha256:HEX` of the manifest's bytes. */
  digest: z.string().optional(),
  bytes: z.int().min(0).optional(),
  sessions: z.int().min(0).optional(),
  processes: z.object({ services: z.int().min(0), background: z.int().min(0) }).optional(),
  /** Milliseconds of each step. */
  durations: z
    .object({ flush: z.int().min(0), stop: z.int().min(0), manifest: z.int().min(0), total: z.int().min(0) })
    .optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
});
export type CheckpointState = z.infer<typeof checkpointState>;

/** What the start of this `agentd` found on the volume. */
export const restoreState = z.object({
  /** The checkpoint that was verified and used; absent on a first start. */
  sequence: z.int().min(1).optional(),
  /** `Recovered`: after a crash without a checkpoint in between. `Forked`: the volume became that of a fork just now. */
  outcome: z.enum(['Fresh', 'Checkpoint', 'Recovered', 'Forked']),
  /** `Restored`: at least one; what was not is in `problem`. */
  processes: z.enum(['None', 'Restarted', 'Restored']),
  /** One line each for what runs on with its memory. */
  restored: z.array(z.string()).default([]),
  /** Why something started afresh, or ended, though its image was to be restored. */
  problem: z
    .object({ reason: z.enum(['Unsupported', 'DumpFailed', 'RestoreFailed']), message: z.string() })
    .optional(),
  /** Checkpoints that were not whole, newest first, and why. */
  rejected: z.array(z.object({ sequence: z.int(), reason: z.string() })),
  /** One line each for what was started again and what ended. */
  restarted: z.array(z.string()),
  ended: z.array(z.string()),
});
export type RestoreState = z.infer<typeof restoreState>;

/** Answer of `GET /v1/state` and data of `state` events. */
export const runtimeState = z.object({
  /** New for each start of `agentd`. */
  bootId: z.string(),
  workspace: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  configRevision: z.string(),
  /** The newest durable event. */
  cursor: z.int().min(0),
  busy: z.boolean(),
  busyReasons: z.array(busyReason),
  /** The last prompt, model output, tool call or tool result; not health checks, not reads. */
  lastActivityAt: z.iso.datetime(),
  sessions: z.array(sessionState),
  /** Messages that are not Completed or Failed. */
  openMessages: z.int().min(0),
  approvals: z.array(approvalRequest),
  background: z.array(
    z.object({
      id: z.string(),
      session: z.string(),
      command: z.string(),
      status: z.enum(['running', 'exited', 'killed', 'lost']),
      restartable: z.boolean(),
      /** Does not keep the workspace awake. */
      ignorable: z.boolean(),
      startedAt: z.iso.datetime(),
    }),
  ),
  /** Subagents at work. An older agentd says nothing of any. */
  subagents: z
    .array(
      z.object({
        id: z.string(),
        session: z.string(),
        agentType: z.string(),
        description: z.string(),
        /** `waiting`: for a person who must answer a question. */
        status: z.enum(['working', 'waiting']),
        background: z.boolean(),
        ignorable: z.boolean(),
        startedAt: z.iso.datetime(),
      }),
    )
    .default([]),
  services: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['starting', 'running', 'exited', 'backoff']),
      restarts: z.int().min(0),
      exitCode: z.int().optional(),
    }),
  ),
  tools: z.enum(['ready', 'unavailable']),
  /** Set while the provider refuses or cannot be reached; cleared by the next success. */
  modelProblem: z
    .object({
      reason: z.enum([
        'CredentialMissing',
        'BudgetSpent',
        'Unauthorized',
        'Unavailable',
        'RateLimited',
        'Overloaded',
        'InvalidRequest',
      ]),
      status: z.int().optional(),
      message: z.string(),
      /** Whose words these are. */
      from: z.enum(['gateway', 'provider']).default('provider'),
      since: z.iso.datetime(),
    })
    .optional(),
  /** A write that the volume refused (ENOSPC, EIO); cleared by the next success. */
  storageProblem: z.object({ message: z.string(), since: z.iso.datetime() }).optional(),
  checkpoint: checkpointState.optional(),
  /** The highest sequence on the volume, whole or not. */
  lastSequence: z.int().min(0),
  restore: restoreState,
});
export type RuntimeState = z.infer<typeof runtimeState>;
