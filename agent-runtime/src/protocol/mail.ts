/**
 * How a workspace sends a message to another one of its namespace: through the gateway, at the port for models, with the token of
 * its pod. `POST /v1/workspaces/NAME/messages` sends one, `GET /v1/workspaces/NAME/messages/MESSAGE` says what came of it. Errors
 * are as everywhere: `{"error": {"code", "message"}}`.
 */
import { z } from 'zod';
import { messageRequest } from './messages.ts';

/** Where they are. */
export const mailPath = '/v1/workspaces/';

/** Characters of a message from workspace to workspace; fewer than of one by hand, as not every character is one byte. */
export const longestMail = 16_000;

export const mailRequest = z.object({
  /** Makes it safe to send again: of one workspace a message of an id is made once. */
  id: z.string().regex(/^[\w-]{1,128}$/),
  session: messageRequest.shape.session.default('default'),
  text: z.string().min(1).max(longestMail),
  /** How many workspaces moved one another to send this one, the sender included. */
  hops: z.int().min(1),
});
export type MailRequest = z.input<typeof mailRequest>;

export const mailRecord = z.object({
  /** The AgentMessage. */
  message: z.string(),
  phase: z.enum(['Pending', 'Delivered', 'Working', 'Completed', 'Failed']),
  reply: z.object({ text: z.string().max(65_536), truncated: z.boolean() }).optional(),
  /** Why it waits or failed. */
  problem: z.string().optional(),
});
export type MailRecord = z.infer<typeof mailRecord>;
