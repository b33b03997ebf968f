import { z } from 'zod';
import { hooksConfig } from './hooks.ts';
import { mcpConfig } from './mcp.ts';
import { pluginConfig } from './plugins.ts';

/** The checkpoint of another workspace that the volume of a fork is a copy of. */
export const forkSource = z.object({
  workspace: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  sequence: z.int().min(1),
});
export type ForkSource = z.infer<typeof forkSource>;

/** A rewind: `id` is the UID of the AgentCheckpoint that asked for it, `sequence` the checkpoint that it goes back to. */
export const rewindTarget = z.object({ id: z.string().min(1), sequence: z.int().min(1) });
export type RewindTarget = z.infer<typeof rewindTarget>;

export const permissionMode = z.enum(['default', 'acceptEdits', 'plan', 'dontAsk', 'bypassPermissions']);
export type PermissionMode = z.infer<typeof permissionMode>;

/** What the operator tells `agentd`: mounted as `config.json`, and sent again by `PUT /v1/config` when it changes. */
export const runtimeConfig = z.object({
  /** SHA-256 over the rest of the document, by the operator; `GET /v1/state` echoes it. */
  revision: z.string().min(1),
  workspace: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }),
  model: z.object({
    name: z.string().min(1),
    /** Of the gateway, which adds the provider's key. */
    baseUrl: z.url(),
    /** Input and output tokens for one UTC day; absent: no limit. */
    maxTokensPerDay: z.int().min(1).optional(),
    /** Model requests for one message; absent: no limit. */
    maxTurns: z.int().min(1).optional(),
    /** Tokens of a conversation from which it is summarized before the model is asked on. */
    compactAt: z.int().min(1).default(150_000),
  }),
  systemPrompt: z.string().optional(),
  permissions: z.object({
    mode: permissionMode,
    /** Of those that the class allows, the one that follows `plan` when a plan is approved. Absent: none, so plan mode does not end. */
    afterPlan: permissionMode.optional(),
    allow: z.array(z.string()),
    ask: z.array(z.string()).default([]),
    deny: z.array(z.string()),
  }),
  /** Absent: as a class says by itself. */
  hooks: hooksConfig.optional(),
  services: z.array(
    z.object({
      name: z.string(),
      command: z.array(z.string()).min(1),
      port: z.int().optional(),
      restart: z.enum(['Always', 'OnFailure', 'Never']),
    }),
  ),
  /** After so long without work the workspace sleeps. Absent: it never does, or the operator is older. */
  idleAfterSeconds: z.int().min(1).optional(),
  /** What sessions may schedule for themselves. */
  schedules: z
    .object({ most: z.int().min(0), minIntervalSeconds: z.int().min(1) })
    .default({ most: 20, minIntervalSeconds: 60 }),
  checkpoint: z.object({
    keep: z.int().min(1),
    /** What the pod is made for: where the class has no process images, `Restart`. */
    processes: z.enum(['Restart', 'Restore']),
    /** When processes cannot be dumped again and again: stay awake, or sleep and start them afresh. */
    onDumpFailure: z.enum(['StayAwake', 'Restart']).default('StayAwake'),
  }),
  /** Of a workspace that was rewound: the volume is a copy from that checkpoint of its own. Looked at by the first start on it alone. */
  rewind: rewindTarget.optional(),
  /** Absent where the operator is older. */
  mcp: mcpConfig.optional(),
  /** Absent where the operator is older. */
  plugins: z.array(pluginConfig).default([]),
  /** Of a fork: looked at by the first start alone. */
  source: forkSource.optional(),
});
export type RuntimeConfig = z.infer<typeof runtimeConfig>;

/** Body of `PUT /v1/config`. */
export const configUpdate = z.object({ config: runtimeConfig });
export type ConfigUpdate = z.infer<typeof configUpdate>;
