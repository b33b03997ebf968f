import { listAgents, loadAgents } from '../context/agents/catalogue.ts';
import type { AgentDefinition } from '../context/agents/definition.ts';
import { foldersDownTo } from '../context/memory/places.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { sourceOf } from '../context/source.ts';
import { subagentLimits } from '../subagents/limits.ts';
import { mayUse } from '../subagents/narrow.ts';
import { messageKeyOf, type SubagentRecord, subagentId } from '../subagents/record.ts';
import { reportOf, type SubagentEnd } from '../subagents/report.ts';
import type { Subagent } from '../subagents/subagents.ts';
import { makeWorktree, WorktreeFailure } from '../subagents/worktree.ts';
import { toolNames } from '../tools/registry.ts';
import {
  type Agents,
  type Delegation,
  failed,
  succeeded,
  type ToolContext,
  type ToolOutcome,
} from '../tools/tool.ts';
import { memoryOfNew } from './auto-memory.ts';
import { scopeOf } from './scope.ts';
import { catalogueOf, startSkill } from './skills.ts';
import type { RoundContext } from './tool-round.ts';

/** What the tools of one call of a session do with its subagents. */
export function agentsFor(round: RoundContext, toolUseId: string, context: () => ToolContext): Agents {
  const { host, signal, session } = round;
  const { subagents } = host;
  /** The session of people that all of this belongs to. */
  const root = host.subagent?.session ?? session;
  const report = async (child: Subagent, key: string): Promise<ToolOutcome> => {
    const end = await subagents.end(child, key, signal);
    if (end === undefined) return failed(`Subagent ${child.record.id} has not ended.`);
    return outcomeOf(end, key);
  };
  const id = subagentId(session, toolUseId);
  const goOn = async (child: Subagent, task: string): Promise<ToolOutcome> => {
    const key = await host.health.insist(signal, () => subagents.send(child, toolUseId, task));
    if (child.record.background) return succeeded(startedText(child.record));
    await subagents.endedOrStopped(child, key, signal);
    return report(child, key);
  };
  return {
    async start(delegation) {
      const begun = subagents.get(root, id);
      if (begun !== undefined) return goOn(begun, delegation.task);
      const made = await recordFor(delegation, id, round, toolUseId, context());
      if ('content' in made) return made;
      return goOn(await host.health.insist(signal, () => subagents.open(made)), delegation.task);
    },
    resume() {
      const begun = begunBy(round, toolUseId);
      return begun && goOn(begun, '');
    },
    async send(id, text) {
      const child = subagents.get(root, id);
      if (child === undefined) return failed(unknown(id, round));
      if (child.record.parent !== session)
        return failed(`Subagent ${id} was started by another agent, which alone gives it work.`);
      const key = await host.health.insist(signal, () => subagents.send(child, toolUseId, text));
      if (child.record.depth === 1)
        return succeeded(
          `Sent to ${id}, which works on it in the background. You are told when it has ended.`,
        );
      await subagents.endedOrStopped(child, key, signal);
      return report(child, key);
    },
    async output(id, waitMs) {
      const child = subagents.get(root, id);
      const key = [...(child?.session.logs.ledger.messages.keys() ?? [])].at(-1);
      if (child === undefined || key === undefined || child.record.parent !== session) return undefined;
      await subagents.ended(child, key, signal, waitMs);
      if (child.session.logs.ledger.messages.get(key)?.settled !== undefined) return report(child, key);
      return succeeded(`[${id}: ${child.session.state().status}. You are told when it has ended.]`);
    },
    async stop(id) {
      const child = subagents.get(root, id);
      if (child === undefined || child.record.parent !== session) return undefined;
      const [open] = child.session.logs.ledger.open();
      if (open === undefined || !(await subagents.stop(child))) return succeeded(`${id} had ended before.`);
      await subagents.ended(child, open.request.key, signal);
      return report(child, open.request.key);
    },
  };
}

/** The subagent that a call has begun and given its task, which goes on with it after a restart. */
export function begunBy({ host, session }: RoundContext, toolUseId: string): Subagent | undefined {
  const child = host.subagents.get(host.subagent?.session ?? session, subagentId(session, toolUseId));
  return child?.session.logs.ledger.messages.has(messageKeyOf(child.record.id, toolUseId)) === true
    ? child
    : undefined;
}

function outcomeOf(end: SubagentEnd, key: string): ToolOutcome {
  const { phase, reason, usage } = end.message;
  return {
    content: reportOf(end),
    isError: phase === 'Failed' && reason !== 'Interrupted' && reason !== 'MaxTurns',
    toldBackground: [key],
    ...(usage !== undefined && { subagentUsage: usage }),
  };
}

function startedText({ id }: SubagentRecord): string {
  return `Subagent ${id} works in the background. You are told when it has ended: do not wait for it and do not do its work meanwhile.`;
}

function unknown(id: string, { host, session }: RoundContext): string {
  const known = host.subagents.all().filter(({ record }) => record.parent === session);
  const names = known.map(({ record }) => `${record.id} (${record.description})`).slice(-20);
  return `There is no subagent ${id}. There are: ${names.join(', ') || 'none'}.`;
}

/** What the subagent of a call is, or why there is none. */
async function recordFor(
  delegation: Delegation,
  id: string,
  round: RoundContext,
  toolUseId: string,
  context: ToolContext,
): Promise<SubagentRecord | ToolOutcome> {
  const { host, session } = round;
  const depth = (host.subagent?.depth ?? 0) + 1;
  if (depth > subagentLimits.depth)
    return failed(`Subagents go ${subagentLimits.depth} deep and no deeper: do it yourself.`);
  const running = host.subagents.running().length;
  if (running >= subagentLimits.running)
    return failed(
      `${running} subagents are at work, as many as may be. Do not try again until some have ended; do it yourself, or wait.`,
    );
  const agents = await agentsOf(round);
  const agent = agents.get(delegation.agentType);
  if (agent === undefined)
    return failed(
      `There is no subagent ${delegation.agentType}. There are:\n${listAgents(agents.values()).join('\n')}`,
    );
  const disallowedTools = [...agent.disallowedTools];
  const tools = agent.tools && [...agent.tools];
  const there = [...toolNames, ...host.mcp.tools().map((tool) => tool.name)];
  const { mcpServers } = agent;
  const some = there.some(mayUse({ disallowedTools, depth, ...(tools && { tools }) }));
  if (!some && mcpServers === undefined)
    return failed(
      `Subagent ${agent.name} would have no tool: none of ${tools?.join(', ')} is one that subagents have. Mend tools in ${agent.path}.`,
    );
  const effort = delegation.effort ?? agent.effort;
  try {
    const { cwd, home } = scopeOf(round);
    const memory = await memoryOfNew(agent, round, round.signal);
    const worktree =
      delegation.worktree || agent.worktree
        ? await makeWorktree(host.client, { id, cwd, home }, round.signal)
        : undefined;
    return {
      type: 'subagent',
      id,
      session: host.subagent?.session ?? session,
      parent: session,
      toolUseId,
      agentType: agent.name,
      description: delegation.description,
      depth,
      // One that another subagent calls has nobody to be told later.
      background: depth === 1 && (delegation.background || agent.background),
      ignorable: delegation.ignorable,
      prompt: await promptOf(agent, round, context),
      disallowedTools,
      cwd: worktree?.path ?? cwd,
      at: new Date().toISOString(),
      ...(tools !== undefined && { tools }),
      ...definedOf({ model: delegation.model ?? agent.model, permissionMode: agent.permissionMode }),
      ...(effort !== undefined && { effort }),
      ...(agent.maxTurns !== undefined && { maxTurns: agent.maxTurns }),
      ...(memory !== undefined && { memory }),
      ...(agent.color !== undefined && { color: agent.color }),
      ...(worktree !== undefined && { worktree }),
      ...(mcpServers !== undefined && { mcpServers }),
      ...(agent.hooks !== undefined && { hooks: { path: agent.path ?? agent.name, value: agent.hooks } }),
      ...(delegation.skill !== undefined && { skill: delegation.skill }),
    };
  } catch (error) {
    if (error instanceof SkillFailure || error instanceof WorktreeFailure) return failed(error.message);
    throw error;
  }
}

/** Its own prompt, and the skills that it begins with. */
async function promptOf(agent: AgentDefinition, round: RoundContext, context: ToolContext): Promise<string> {
  const parts = [agent.prompt];
  const { skills } = agent.skills.length === 0 ? { skills: new Map() } : await catalogueOf(round);
  for (const name of agent.skills) {
    const skill = skills.get(name);
    if (skill === undefined || !skill.modelInvocable) {
      throw new SkillFailure(
        'UnknownCommand',
        `Subagent ${agent.name} was not started: it begins with the skill ${name}, which ${skill === undefined ? 'there is not' : 'only a person may start'}. Mend skills in ${agent.path}.`,
      );
    }
    const asIts = { ...round, effort: agent.effort };
    const { text } = await startSkill(skill, '', 'model', asIts, context);
    parts.push(`Instructions of the skill ${name}, whose folder is ${skill.folder}:\n\n${text}`);
  }
  return parts.join('\n\n');
}

/** The subagents that this session can call, also those of where it is now. */
async function agentsOf(round: RoundContext): Promise<ReadonlyMap<string, AgentDefinition>> {
  const { cwd, home } = scopeOf(round);
  const folders = [...new Set([home, ...foldersDownTo(cwd, home)])];
  const source = sourceOf(round.host.client, round.permissions, scopeOf(round), round.signal);
  return (await loadAgents(folders, source, await round.host.plugins.load(round.signal))).agents;
}

function definedOf<T extends Record<string, string | undefined>>(fields: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
