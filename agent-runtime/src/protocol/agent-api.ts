import { z } from 'zod';

/** The port of `agentd` in the pod. */
export const agentPort = 7070;

/**
 * The key may travel in either header. The API server's pod proxy takes `Authorization` for itself, so a client that comes
 * through it uses the second one.
 */
export const keyHeaders = { bearer: 'authorization', proxied: 'x-dormouse-key' } as const;

/** Body of `POST /v1/checkpoints`; answered with 202 and a `CheckpointState`, 409 `busy` with reasons, or 409 `checkpointing`. */
export const checkpointRequest = z.object({
  sequence: z.int().min(1),
  trigger: z.enum(['Idle', 'Manual', 'Schedule', 'BeforeUpgrade']),
  /** Hold turns after it completed: the pod is about to go. */
  hold: z.boolean(),
});
export type CheckpointRequest = z.infer<typeof checkpointRequest>;

/** Body of `POST /v1/approvals/:id`. */
export const approvalDecision = z.object({
  decision: z.enum(['allow', 'deny']),
  /** Makes it idempotent: the answer of the same key again is taken as the first was. The UID of an `AgentMessage`. */
  key: z.string().min(1).max(128).optional(),
  /** With `allow`, where the request has questions: what is answered to each, in their order. */
  answers: z.array(z.string().min(1).max(4096)).min(1).max(4).optional(),
  /** Shown to the model with a denial. */
  reason: z.string().max(4096).optional(),
});
export type ApprovalDecision = z.infer<typeof approvalDecision>;

/** The body of every answer with a status of 400 and above. */
export const apiError = z.object({
  error: z.object({
    code: z.enum([
      'unauthorized',
      'invalid',
      'not_found',
      'conflict',
      'expired',
      'busy',
      'checkpointing',
      'unavailable',
      'storage',
      'internal',
    ]),
    message: z.string(),
    details: z.unknown().optional(),
  }),
});
export type ApiError = z.infer<typeof apiError>;

/** Lines of a text file of the workspace, as `GET /v1/files` answers them. */
export const fileRead = z.object({
  path: z.string(),
  content: z.string(),
  totalLines: z.int().min(0),
  /** There are lines after the last one. */
  truncated: z.boolean(),
});
