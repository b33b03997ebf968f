import type { Said } from '../hooks/session-hooks.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import { mayUse } from '../subagents/narrow.ts';
import { type ParsedCall, parseCall } from '../tools/registry.ts';
import type { ToolOutcome } from '../tools/tool.ts';
import { saidOfQuestions } from './elicitation-hooks.ts';
import type { ToolUse } from './entry.ts';
import { ranOnceRecord } from './hooks.ts';
import type { InboxRecord } from './inbox-record.ts';
import { scopeOf } from './scope.ts';
import type { RoundContext } from './tool-round.ts';

type HookedRecord = Extract<InboxRecord, { type: 'hooked' }>;

/** A call as hooks have left it. */
export interface Hooked {
  call: ToolUse;
  parsed: ParsedCall;
  said: HookedRecord | undefined;
}

/** PreToolUse, once for each call: what they said is on disk before it counts, so nobody is asked again while the call waits. */
export async function beforeTool(
  call: ToolUse,
  parsed: Extract<ParsedCall, { tool: unknown }>,
  round: RoundContext,
): Promise<Hooked> {
  const said = round.logs.ledger.hookedTools.get(call.id) ?? (await askBefore(call, parsed, round));
  if (said?.input === undefined) return { call, parsed, said };
  const changed = { ...call, input: said.input };
  return { call: changed, parsed: parseFor(round, call.name, said.input), said };
}

/** A call of this session, or of this subagent with the tools that it has. */
export function parseFor({ host }: Pick<RoundContext, 'host'>, name: string, input: unknown): ParsedCall {
  return parseCall(name, input, host.mcp.tools(), host.subagent && mayUse(host.subagent));
}

async function askBefore(
  call: ToolUse,
  { tool, input }: Extract<ParsedCall, { tool: unknown }>,
  round: RoundContext,
): Promise<HookedRecord | undefined> {
  const access = tool.access(input, scopeOf(round));
  const said = await round.hooks.fire('PreToolUse', tool.name, aboutTool(call, tool.name, round), access);
  if (said === undefined) return undefined;
  const { permission, updatedInput, context, messages, stop } = said;
  const record: HookedRecord = {
    ...{ type: 'hooked', toolUseId: call.id, at: new Date().toISOString(), context, messages },
    ...(permission !== undefined && { decision: permission.decision }),
    ...(permission?.reason !== undefined && { reason: permission.reason }),
    ...(updatedInput !== undefined && { input: updatedInput }),
    ...(stop !== undefined && { stop }),
  };
  const once = said.ranOnce.length === 0 ? [] : [ranOnceRecord(said.ranOnce)];
  await round.host.health.insist(round.signal, () => round.logs.appendRecords(record, ...once));
  return record;
}

/** What hooks say in place of a person. */
export interface Instead {
  decision: 'allow' | 'deny';
  reason?: string;
  /** The turn ends, for this reason. */
  stop?: string;
  /** The call is another one now, and the rules have not seen it. */
  changed?: { call: ToolUse; parsed: ParsedCall };
}

/** PermissionRequest. Undefined: a person is asked. `forPerson`: hooks may only refuse. A changed input is on disk before it counts, as what is said before a call is. */
export async function insteadOfPerson(
  call: ToolUse,
  { tool, input }: Extract<ParsedCall, { tool: unknown }>,
  { before, forPerson }: { before: HookedRecord | undefined; forPerson: boolean },
  round: RoundContext,
): Promise<Instead | undefined> {
  const access = tool.access(input, scopeOf(round));
  const about = aboutTool(call, tool.name, round);
  const said = await round.hooks.fire('PermissionRequest', tool.name, about, access);
  const { permission, stop, updatedInput } = said ?? {};
  const reason = permission?.reason === undefined ? {} : { reason: permission.reason };
  if (stop !== undefined) return { decision: 'deny', ...reason, stop };
  if (permission === undefined || permission.decision === 'ask') return undefined;
  if (permission.decision === 'allow' && forPerson) return undefined;
  if (permission.decision === 'deny' || updatedInput === undefined)
    return { decision: permission.decision, ...reason };
  const record: HookedRecord = {
    ...(before ?? { type: 'hooked', toolUseId: call.id, context: [], messages: [] }),
    ...{ at: new Date().toISOString(), input: updatedInput },
  };
  await round.host.health.insist(round.signal, () => round.logs.appendRecords(record));
  const parsed = parseFor(round, call.name, updatedInput);
  return { decision: 'allow', changed: { call: { ...call, input: updatedInput }, parsed } };
}

const notifications = {
  permission_prompt: { title: 'Permission needed', message: 'needs your permission to use' },
  elicitation_dialog: { title: 'Input needed', message: 'needs your input for' },
};

/** Notification that a person is asked: to let the tool do something, or what its MCP server wants to know. */
export function tellOfQuestion(
  tool: string,
  round: RoundContext,
  type: keyof typeof notifications = 'permission_prompt',
): void {
  const { title, message } = notifications[type];
  round.hooks.notify('Notification', type, {
    notification_type: type,
    title,
    message: `The agent ${message} ${tool}`,
  });
}

/** CwdChanged: a command has left the working directory. What hooks set then is for the next command. */
async function afterMove({ cwd }: ToolOutcome, round: RoundContext): Promise<Said | undefined> {
  const old = scopeOf(round).cwd;
  if (cwd === undefined || cwd === old || round.host.subagent !== undefined) return undefined;
  return round.hooks.fire('CwdChanged', '', { cwd, old_cwd: old, new_cwd: cwd });
}

/** CwdChanged, PostToolUse or PostToolUseFailure, and what the hooks before the call had for the model. */
export async function afterTool(
  call: ToolUse,
  name: string,
  outcome: ToolOutcome,
  milliseconds: number,
  round: RoundContext,
): Promise<ToolOutcome> {
  const { isError, content } = outcome;
  const before = round.logs.ledger.hookedTools.get(call.id);
  const moved = await afterMove(outcome, round);
  const said = await round.hooks.fire(isError ? 'PostToolUseFailure' : 'PostToolUse', name, {
    ...aboutTool(call, name, round),
    ...(isError ? { error: content } : { tool_response: { content } }),
    duration_ms: Math.round(milliseconds),
    // It is written down with the result, which comes after this.
    ...(outcome.cwd !== undefined && { cwd: outcome.cwd }),
  });
  const meanwhile = saidOfQuestions(round, call.id);
  const all = [before, meanwhile, moved, said];
  if (all.every((each) => each === undefined)) return outcome;
  const context = [
    ...(before?.context ?? []),
    ...(said?.block === undefined ? [] : [`A hook says of this ${name}: ${said.block}`]),
    ...(said?.context ?? []),
  ];
  const messages = all.flatMap((it) => it?.messages ?? []);
  const stop = meanwhile?.stop ?? moved?.stop ?? said?.stop;
  const ofServer = name.startsWith('mcp__');
  const shown = said?.updatedOutput ?? (ofServer ? said?.updatedMcpOutput : undefined);
  // What is shown in place of the text, such as pictures, is replaced with it.
  const { blocks: _, ...inText } = outcome;
  return {
    ...(shown === undefined || isError ? outcome : { ...inText, content: shown }),
    context,
    hooks: { ...(messages.length > 0 && { messages }), ...(stop !== undefined && { stop }) },
  };
}

/** What hooks of a tool call are told. A path is absolute, as hooks compare it with folders. */
export function aboutTool(call: ToolUse, name: string, round: RoundContext): Record<string, unknown> {
  const { cwd, home } = scopeOf(round);
  const input: Record<string, unknown> = { ...(call.input as object) };
  for (const field of ['file_path', 'notebook_path']) {
    const path = input[field];
    if (typeof path === 'string') input[field] = resolvePath(path, cwd, home);
  }
  return { tool_name: name, tool_input: input, tool_use_id: call.id };
}
