import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ownMemory } from '../context/memory/agent-memory.ts';
import { ownServers } from '../mcp/own-servers.ts';
import { effort } from '../model/effort.ts';
import { ownHooks, usedSkill } from '../session/entry.ts';

/**
 * The first line of a subagent's inbox: what it is, as it was when it began. Its file may change meanwhile; the subagent goes on
 * as what it was, also after a sleep.
 */
export const subagentRecord = z.object({
  type: z.literal('subagent'),
  id: z.string(),
  /** The session that it belongs to, and whose folder its transcript is in. */
  session: z.string(),
  /** Who called it: that session, or another subagent of it. */
  parent: z.string(),
  toolUseId: z.string(),
  agentType: z.string(),
  /** Three to five words on its task. */
  description: z.string(),
  /** 1: called by the session itself. */
  depth: z.int().min(1),
  background: z.boolean(),
  /** Does not keep the workspace awake. */
  ignorable: z.boolean(),
  prompt: z.string(),
  tools: z.array(z.string()).optional(),
  disallowedTools: z.array(z.string()),
  model: z.string().optional(),
  effort: effort.optional(),
  permissionMode: z.string().optional(),
  maxTurns: z.int().min(1).optional(),
  color: z.string().optional(),
  memory: ownMemory.optional(),
  mcpServers: ownServers.optional(),
  /** Those of its file. */
  hooks: ownHooks.optional(),
  /** The skill that its task is, with the rules that it brings. */
  skill: usedSkill.optional(),
  /** Where it begins to work. */
  cwd: z.string(),
  /** A git worktree that was made for it. */
  worktree: z.object({ path: z.string(), branch: z.string(), base: z.string() }).optional(),
  at: z.string(),
});
export type SubagentRecord = z.infer<typeof subagentRecord>;

/** The id of the subagent that a call begins: the same call begins the same one, so after a crash it is found again. */
export function subagentId(parent: string, toolUseId: string): string {
  return `a${createHash('sha256').update(`${parent}\n${toolUseId}`).digest('hex').slice(0, 12)}`;
}

/** What the conversation of a subagent is called among the sessions. No session of a person has a dot in its name. */
export function subagentSession({ session, id }: Pick<SubagentRecord, 'session' | 'id'>): string {
  return `${session}.agent-${id}`;
}

/** The key of the message that a call sends to a subagent. */
export function messageKeyOf(id: string, toolUseId: string): string {
  return `${id}-${toolUseId}`.slice(0, 128);
}
