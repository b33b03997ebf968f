import { z } from 'zod';
import { rewindTarget } from './config.ts';
import { approvalRequest, tokenUsage } from './messages.ts';
import { pluginState } from './plugins.ts';

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

/** Answer of `GET /v1/sessions`, an element: what a person wants to know of a session. */
export const sessionDetail = sessionState.extend({
  /** What a person called it. */
  title: z.string().optional(),
  /** When somebody last wrote to it, or it worked. */
  lastActivityAt: z.iso.datetime().optional(),
  /** Tokens since it began, without what a fork took over. */
  usage: tokenUsage,
  /** Tokens that the last answer was made from, and its own. */
  contextTokens: z.int().min(0),
  /** The session that it was forked from. */
  forkedFrom: z.string().optional(),
});
export type SessionDetail = z.infer<typeof sessionDetail>;

/** Body of `PATCH /v1/sessions/:id`. */
export const sessionChange = z.object({ title: z.string().trim().min(1).max(200) });

/** Body of `POST /v1/sessions/:id/rewind`: the conversation is again as it was before this message. */
export const sessionRewind = z.object({
  message: z.string().min(1).max(253),
  /** Whether files that tools changed since are again what they were; what commands changed is not known. */
  files: z.boolean().default(false),
});

/** What became of the files, by their absolute paths. */
export const filesRewound = z.object({
  restored: z.array(z.string()),
  /** They were not there before. */
  removed: z.array(z.string()),
  left: z.array(z.object({ path: z.string(), reason: z.string() })),
});
export type FilesRewound = z.infer<typeof filesRewound>;

/** Answer of `POST /v1/sessions/:id/rewind`. */
export const sessionRewound = sessionDetail.extend({ files: filesRewound.optional() });
export type SessionRewound = z.infer<typeof sessionRewound>;

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
  /** `Recovered`: after a crash without a checkpoint in between. `Forked`: the volume became that of a fork just now. `Rewound`: it was just rewound. */
  outcome: z.enum(['Fresh', 'Checkpoint', 'Recovered', 'Forked', 'Rewound']),
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

/** A prompt that a session is to be given later: an element of `GET /v1/schedules`. */
export const scheduleState = z.object({
  id: z.string(),
  session: z.string(),
  prompt: z.string(),
  /** `every 5m`, `once at …`, `by cron 0 9 * * * (UTC)`. */
  rhythm: z.string(),
  nextAt: z.iso.datetime(),
});
export type ScheduleState = z.infer<typeof scheduleState>;

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
  /** When the workspace must be awake for the next prompt that it scheduled; perhaps in the past. */
  nextWakeAt: z.iso.datetime().optional(),
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
  /** An older agentd says nothing of any. */
  plugins: z.array(pluginState).default([]),
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
  /** The last rewind that this volume is the outcome of. */
  rewound: rewindTarget.optional(),
});
export type RuntimeState = z.infer<typeof runtimeState>;
