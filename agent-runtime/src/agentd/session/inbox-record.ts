import { z } from 'zod';
import { approvalRequest, messageRequest, tokenUsage } from '../../protocol/messages.ts';
import { schedule } from '../schedule/schedule.ts';
import { subagentRecord } from '../subagents/record.ts';

/**
 * One line of a session's inbox: what the session was told and what it was about to do. With the transcript it says
 * everything about a session; nothing else is kept.
 */
export const inboxRecord = z.discriminatedUnion('type', [
  /** A prompt that was accepted. It is in the transcript once a turn began. */
  messageRequest.extend({ type: z.literal('message'), receivedAt: z.string() }),
  /** A tool is about to start. If no result follows in the transcript, nobody knows how far it came. */
  z.object({ type: z.literal('tool'), toolUseId: z.string(), at: z.string() }),
  /**
   * A tool that was started waits for a person and did nothing that must not be done again: with this it goes on once they have answered. Questions
   * of the call that follow belong to it; a `tool` line ends it.
   */
  z.object({ type: z.literal('suspended'), toolUseId: z.string(), at: z.string(), state: z.unknown() }),
  /** What PreToolUse hooks said of a call: they are not asked again. */
  z.object({
    type: z.literal('hooked'),
    toolUseId: z.string(),
    at: z.string(),
    decision: z.enum(['allow', 'ask', 'deny']).optional(),
    reason: z.string().optional(),
    /** The input that the call has instead of its own. */
    input: z.record(z.string(), z.unknown()).optional(),
    /** For the model, beside the result. */
    context: z.array(z.string()),
    /** For a person. */
    messages: z.array(z.string()),
    /** The turn ends here, for this reason. */
    stop: z.string().optional(),
  }),
  /** What hooks said of a question of an MCP server within a call, before or after a person was asked: they are not asked again. */
  z.object({
    type: z.literal('elicited'),
    event: z.enum(['Elicitation', 'ElicitationResult']),
    toolUseId: z.string(),
    at: z.string(),
    /** Which question of the call, where the call may be run again. */
    key: z.string().optional(),
    server: z.string(),
    message: z.string(),
    /** What the server is told. Without: what it would be told without hooks. */
    action: z.enum(['accept', 'decline', 'cancel']).optional(),
    content: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))
      .optional(),
    /** For a person. */
    messages: z.array(z.string()),
    /** The turn ends, for this reason. */
    stop: z.string().optional(),
  }),
  /** Hooks that run once in a session have. */
  z.object({ type: z.literal('ranOnce'), hooks: z.array(z.string()), at: z.string() }),
  /** The variables that hooks of an event have set for the session's commands, all of them. */
  z.object({
    type: z.literal('environment'),
    event: z.enum(['SessionStart', 'CwdChanged']),
    variables: z.record(z.string(), z.string()),
    /** They count while this is the working directory. */
    cwd: z.string().optional(),
    at: z.string(),
  }),
  /** A person must decide before a tool may start. */
  approvalRequest.extend({ type: z.literal('approval') }),
  z.object({
    type: z.literal('decision'),
    id: z.string(),
    decision: z.enum(['allow', 'deny']),
    reason: z.string().optional(),
    answers: z.array(z.string()).optional(),
    /** Who gave it, where it may be given again: the UID of an `AgentMessage`. */
    key: z.string().optional(),
    at: z.string(),
  }),
  /** A person stopped the turn of this message. */
  z.object({ type: z.literal('interrupt'), key: z.string(), at: z.string() }),
  /** The session is to be given a prompt later. */
  z.object({ type: z.literal('schedule'), schedule }),
  /** A schedule has given its prompt: with it, the message. */
  z.object({ type: z.literal('fired'), id: z.string(), at: z.iso.datetime() }),
  /** A schedule was ended. */
  z.object({ type: z.literal('unschedule'), id: z.string(), at: z.iso.datetime() }),
  /** What a person called the session. */
  z.object({ type: z.literal('title'), title: z.string(), at: z.string() }),
  /** The end of a message. The text of the reply is read from the transcript. */
  z.object({
    type: z.literal('settled'),
    key: z.string(),
    phase: z.enum(['Completed', 'Failed']),
    at: z.string(),
    usage: tokenUsage,
    replyEntry: z.string().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
  }),
  subagentRecord,
]);
export type InboxRecord = z.infer<typeof inboxRecord>;
