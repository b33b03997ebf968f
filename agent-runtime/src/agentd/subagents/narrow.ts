import { type RuntimeConfig, runtimeConfig } from '../../protocol/config.ts';
import { withGrants } from '../context/skills/grants.ts';
import { toolsOf } from '../mcp/own-servers.ts';
import { namedModel } from '../model/named-model.ts';
import type { Access, PermissionScope } from '../permissions/access.ts';
import { isInside, resolvePath } from '../permissions/path-pattern.ts';
import { subagentLimits } from './limits.ts';
import type { SubagentRecord } from './record.ts';

type Mode = RuntimeConfig['permissions']['mode'];

/** Tools that speak with the person, wait, or steer the session itself: no subagent has them. */
const never: ReadonlySet<string> = new Set([
  ...['AskUserQuestion', 'EnterPlanMode', 'ExitPlanMode', 'ScheduleWakeup', 'TaskOutput', 'Workflow'],
]);

/** What it takes to come by the tools of a server: to have it let in, and to look for them where there are many. */
const forServers = ['ConnectMcpServer', 'ToolSearch'];
/** Tools that a subagent with a memory has in any case, for its folder alone. */
const forMemory: ReadonlySet<string> = new Set(['Read', 'Write', 'Edit']);

type Tools = Pick<SubagentRecord, 'tools' | 'disallowedTools' | 'depth' | 'memory' | 'mcpServers'>;

/** Whether a subagent may use the tool of this name. */
export function mayUse(record: Tools): (tool: string) => boolean {
  const ofServers = record.mcpServers && [...toolsOf(record.mcpServers), ...forServers];
  const listed = record.tools && [...record.tools.map(nameOf), ...(ofServers ?? [])];
  const removed = record.disallowedTools.map(nameOf);
  return (tool) => {
    if (never.has(tool) || (tool === 'Agent' && record.depth >= subagentLimits.depth)) return false;
    if (removed.some((name) => speaksOf(name, tool))) return false;
    if (record.memory !== undefined && forMemory.has(tool)) return true;
    return listed === undefined || listed.some((name) => speaksOf(name, tool));
  };
}

/** Why a tool that the subagent has for its memory alone may not do this. Undefined where that is no reason. */
export function refusalBesidesMemory(
  { memory, ...record }: Tools,
  access: Access,
  { cwd, home }: PermissionScope,
): string | undefined {
  if (memory === undefined || (access.kind !== 'read' && access.kind !== 'edit')) return undefined;
  if (mayUse(record)(access.tool) || isInside(resolvePath(access.path, cwd, home), memory.folder))
    return undefined;
  return `this subagent has ${access.tool} for its memory alone, in ${memory.folder}`;
}

/** `Agent(a, b)` is about the tool as a whole, `Task` its older name. */
function nameOf(entry: string): string {
  const name = entry.replace(/\(.*$/s, '').trim();
  return name === 'Task' ? 'Agent' : name;
}

/** `*` is every tool, `mcp__server` and `mcp__server__*` all of one server, `mcp__*` all of all. */
function speaksOf(name: string, tool: string): boolean {
  if (name === '*' || name === tool) return true;
  if (!name.startsWith('mcp__')) return false;
  const prefix = name.replace(/\*$/, '').replace(/__$/, '');
  return tool.startsWith(`${prefix}__`);
}

/** The configuration that a subagent works under: never wider than that of the workspace. */
export function configFor(config: RuntimeConfig, record: SubagentRecord): RuntimeConfig {
  const { model, permissions } = config;
  const turns = [model.maxTurns, record.maxTurns].filter((limit) => limit !== undefined);
  return {
    ...config,
    systemPrompt: record.prompt,
    model: {
      ...model,
      name: namedModel(record.model, model.name),
      ...(turns.length > 0 && { maxTurns: Math.min(...turns) }),
    },
    permissions: {
      ...withGrants(permissions, [record]),
      mode: modeFor(permissions.mode, record.permissionMode),
    },
  };
}

/**
 * The mode of a subagent. Its file may have been written by a model, so it can only give up what the workspace has; one whose
 * workspace asks for nothing (or for no edits) works as the workspace does.
 */
function modeFor(ofWorkspace: Mode, ofFile: string | undefined): Mode {
  const narrower = ['plan', 'dontAsk'];
  const asked = runtimeConfig.shape.permissions.shape.mode.safeParse(ofFile);
  if (!asked.success || ofWorkspace !== 'default') return ofWorkspace;
  return narrower.includes(asked.data) ? asked.data : ofWorkspace;
}
