import { z } from 'zod';

export const tokenUsage = z.object({
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  cacheReadTokens: z.int().min(0),
  cacheWriteTokens: z.int().min(0),
});
export type TokenUsage = z.infer<typeof tokenUsage>;

/** Body of `POST /v1/messages`. `key` makes it idempotent: the UID of the `AgentMessage`. */
export const messageRequest = z.object({
  key: z.string().min(1).max(128),
  session: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/),
  from: z.string().max(256).optional(),
  /** Of a message of another workspace's agent: which, and how many moved one another to send it. Absent: of a person, or whoever speaks for one. */
  sender: z.object({ workspace: z.string().min(1).max(253), hops: z.int().min(1) }).optional(),
  text: z.string().min(1).max(65536),
  attachments: z.array(z.object({ path: z.string(), description: z.string().optional() })).optional(),
});
export type MessageRequest = z.infer<typeof messageRequest>;

/** One part of what an agent asks: a person chooses of the options, or says something else. */
export const askedQuestion = z.object({
  question: z.string(),
  options: z.array(z.object({ label: z.string(), description: z.string().optional() })),
  /** Whether several may be chosen. */
  several: z.boolean(),
});
export type AskedQuestion = z.infer<typeof askedQuestion>;

export const approvalRequest = z.object({
  id: z.string(),
  session: z.string(),
  toolUseId: z.string(),
  tool: z.string(),
  /** One line for a person: the command, the path. */
  summary: z.string(),
  /** What to answer, where to allow is not enough: one answer for each. */
  questions: z.array(askedQuestion).optional(),
  /** It is asked by a tool that runs, which goes on with the answer. */
  meanwhile: z.literal(true).optional(),
  /** The plan to be approved, cut at 16,000 characters; the whole is in the transcript. */
  plan: z.string().optional(),
  requestedAt: z.iso.datetime(),
});
export type ApprovalRequest = z.infer<typeof approvalRequest>;

/**
 * Where a message stands. The answer of `POST /v1/messages` (202 when new and fsynced, 200 when the key is known) and the
 * data of `message` events. `Queued` is what the operator writes as `Delivered`.
 */
export const messageRecord = z.object({
  key: z.string(),
  session: z.string(),
  phase: z.enum(['Queued', 'Working', 'Completed', 'Failed']),
  receivedAt: z.iso.datetime(),
  startedAt: z.iso.datetime().optional(),
  completedAt: z.iso.datetime().optional(),
  /** The last assistant text, whole. `entry` is the UUID of its transcript line. */
  reply: z.object({ text: z.string(), entry: z.string() }).optional(),
  usage: tokenUsage.optional(),
  pendingApprovals: z.array(approvalRequest).optional(),
  /** Why it failed, or what it waits for: `ModelUnauthorized`, `ModelUnavailable`, `TokenBudgetSpent`, `MaxTurns`, `UnknownCommand`, `CommandFailed`, `Interrupted`, `WaitingForApproval`, … */
  reason: z.string().optional(),
  message: z.string().optional(),
});
export type MessageRecord = z.infer<typeof messageRecord>;
