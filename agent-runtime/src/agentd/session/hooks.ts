import { posix } from 'node:path';
import { hooksConfig } from '../../protocol/hooks.ts';
import { paths } from '../../protocol/paths.ts';
import { SkillFailure } from '../context/skills/render.ts';
import { sourceOf } from '../context/source.ts';
import { type HookSetting, SessionHooks } from '../hooks/session-hooks.ts';
import type { ModelFailure } from '../model/failure.ts';
import { decide } from '../permissions/decide.ts';
import { readPluginHooks } from '../plugins/hooks.ts';
import type { Plugins } from '../plugins/plugins.ts';
import type { LoadedSettings } from '../settings/load.ts';
import type { SubagentRecord } from '../subagents/record.ts';
import type { ListedTask } from '../tools/task-list/list.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { CommandCall, Expansion } from './command.ts';
import { type TranscriptEntry, textOf, toolResultIdsOf } from './entry.ts';
import { environmentBefore, keepEnvironment } from './environment.ts';
import { modelForHooks } from './hook-model.ts';
import type { InboxRecord } from './inbox-record.ts';
import { schedulesOf } from './schedules.ts';
import { permissionsOf, projectOf, scopeOf } from './scope.ts';
import { titleRecord } from './session-title.ts';
import type { RoundContext } from './tool-round.ts';
import type { NewEntry } from './write-entry.ts';

type Round = Omit<RoundContext, 'hooks'>;

const defaults = hooksConfig.parse({});

/** What the class says about hooks. */
export function hookRules({ host }: Pick<Round, 'host'>) {
  return host.config().hooks ?? defaults;
}

/** The hooks of this session, as these settings, its plugins and its class have them. */
export async function openHooks(
  settings: LoadedSettings,
  round: Round,
  plugins: Plugins,
): Promise<SessionHooks> {
  const { host, logs, signal, session } = round;
  // Several may be asked side by side, before what has run is on disk.
  const taken = new Set<string>();
  const project = projectOf(round);
  const { subagent } = host;
  const { workspace } = host.config();
  return SessionHooks.load({
    config: hookRules(round),
    ...{
      settings,
      plugins: await hooksOfPlugins(plugins, round),
      client: host.client,
      signal,
    },
    ready: () => round.writer.settled(),
    now: () => ({ cwd: scopeOf(round).cwd, permission_mode: permissionsOf(round).mode }),
    env: { CLAUDE_PROJECT_DIR: project },
    proxies: host.proxies,
    log: host.log.child({ session }),
    told: {
      session_id: subagent?.session ?? session,
      transcript_path: posix.join(paths.transcripts, `${subagent?.session ?? session}.jsonl`),
      ...(subagent !== undefined && { agent_id: subagent.id, agent_type: subagent.agentType }),
      workspace: { namespace: workspace.namespace, name: workspace.name },
    },
    ruleMatches: (rule, access) =>
      decide(
        access,
        { ...round.permissions, mode: 'bypassPermissions', allow: [], deny: [rule] },
        scopeOf(round),
      ).verdict === 'deny',
    takeOnce(name) {
      if (logs.ledger.ranOnce.has(name) || taken.has(name)) return false;
      taken.add(name);
      return true;
    },
    ranOnce: (names) => host.health.insist(signal, () => logs.appendRecords(ranOnceRecord(names))),
    environment: (event) => environmentBefore(event, round),
    keepEnvironment: (event, variables, cwd) => keepEnvironment(event, { variables, cwd }, round),
    permits: (access) => decide(access, round.permissions, scopeOf(round)).verdict === 'allow',
    callMcpTool: (...call) => host.mcp.callForHook(...call),
    ...modelForHooks(round),
  });
}

export function ranOnceRecord(hooks: readonly string[]): InboxRecord {
  return { type: 'ranOnce', hooks: [...hooks], at: new Date().toISOString() };
}

/** Where the tools are away, they are away for hooks, too. */
async function hooksOfPlugins(plugins: Plugins, round: Round): Promise<HookSetting['plugins']> {
  const { host, permissions, signal } = round;
  try {
    const source = sourceOf(host.client, permissions, scopeOf(round), signal);
    return await readPluginHooks(await plugins.load(signal), source);
  } catch (error) {
    if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
    return { hooks: [], problems: [`The hooks of plugins cannot be read: ${error.message}.`] };
  }
}

/** With the hooks of skills that were started in this turn, and of what a subagent's file says. They come from files of the workspace. */
export async function withOwnHooks(
  hooks: SessionHooks,
  turn: readonly TranscriptEntry[],
  subagent: SubagentRecord | undefined,
): Promise<SessionHooks> {
  const ofSkills = [...turn.map(({ skill }) => skill?.hooks), subagent?.skill?.hooks].flatMap(
    (own) => own ?? [],
  );
  const ofSubagent = subagent?.hooks === undefined ? [] : [subagent.hooks];
  if (ofSkills.length + ofSubagent.length === 0) return hooks;
  // To a subagent its end is what Stop is to a session.
  const renamed = (value: Record<string, unknown>) => {
    if (subagent === undefined || value.Stop === undefined) return value;
    const { Stop: stop, ...others } = value;
    return { ...others, SubagentStop: stop };
  };
  return hooks.with([
    ...ofSkills.map(({ path, value }) => ({ path, value: renamed(value), ofSkill: true })),
    ...ofSubagent.map(({ path, value }) => ({ path, value: renamed(value), ofSkill: false })),
  ]);
}

/** TaskCreated or TaskCompleted: why the list of tasks stays as it was. */
export async function refusalOfTask(
  event: 'TaskCreated' | 'TaskCompleted',
  { id, subject, description }: ListedTask,
  { hooks }: RoundContext,
): Promise<string | undefined> {
  const about = {
    task_id: id,
    task_subject: subject,
    ...(description !== '' && { task_description: description }),
  };
  return (await hooks.fire(event, '', about))?.block;
}

export interface Opened {
  /** Why the message ends here. */
  refused?: { reason: 'BlockedByHook' | 'StoppedByHook'; message: string };
  /** For the model, beside the prompt. */
  context: string[];
  messages: string[];
}

/**
 * SessionStart, where this is the first turn since the session began or the daemon started, and UserPromptSubmit; of a subagent, as
 * its task is no prompt of a person, SubagentStart before the first.
 */
export async function beforePrompt(prompt: string, round: RoundContext): Promise<Opened> {
  const { host, session, hooks } = round;
  const opened: Opened = { context: [], messages: [] };
  const problems = hooks.problems.join('\n');
  if (problems !== (host.begunSessions.get(session) ?? '')) opened.context.push(problems);
  const isNew = round.logs.ledger.entries === 0;
  if (host.subagent !== undefined) {
    host.begunSessions.set(session, problems);
    const start = isNew ? await hooks.fire('SubagentStart', host.subagent.agentType, {}) : undefined;
    opened.context.push(...(start?.context ?? []));
    opened.messages.push(...(start?.messages ?? []));
    return opened;
  }
  if (!host.begunSessions.has(session)) {
    const { ledger } = round.logs;
    const forked = ledger.forkedFrom !== undefined && ledger.messages.size === 1;
    const source = isNew ? 'startup' : forked ? 'fork' : 'resume';
    const { model } = host.config();
    const start = await hooks.fire('SessionStart', source, { source, model: model.name });
    await nameSession(start?.sessionTitle, round);
    opened.context.push(...(start?.context ?? []));
    opened.messages.push(...(start?.messages ?? []));
  }
  host.begunSessions.set(session, problems);
  const submit = await hooks.fire('UserPromptSubmit', '', { prompt });
  if (submit?.block !== undefined) opened.refused = { reason: 'BlockedByHook', message: submit.block };
  else if (submit?.stop !== undefined) opened.refused = { reason: 'StoppedByHook', message: submit.stop };
  else await nameSession(submit?.sessionTitle, round);
  opened.context.push(...(submit?.context ?? []));
  opened.messages.push(...(submit?.messages ?? []));
  return opened;
}

async function nameSession(given: string | undefined, { logs, host, signal }: RoundContext): Promise<void> {
  const record = titleRecord(given, logs.ledger.title);
  if (record !== undefined) await host.health.insist(signal, () => logs.appendRecords(record));
}

/** UserPromptExpansion, which adds to what the hooks before it said. Throws `SkillFailure` where the command is refused. */
export async function beforeExpansion(
  { name, args }: CommandCall,
  { type, source }: Expansion,
  prompt: string,
  opened: Opened,
  { hooks }: RoundContext,
): Promise<void> {
  const said = await hooks.fire('UserPromptExpansion', name, {
    ...{ expansion_type: type, command_name: name, command_args: args, command_source: source, prompt },
  });
  if (said?.block !== undefined) throw new SkillFailure('BlockedByHook', said.block);
  if (said?.stop !== undefined) throw new SkillFailure('StoppedByHook', said.stop);
  opened.context.push(...(said?.context ?? []));
  opened.messages.push(...(said?.messages ?? []));
}

/** StopFailure: the turn ends because the model refuses to answer. */
export function tellOfFailure({ status, gateway, message }: ModelFailure, { hooks }: RoundContext): void {
  const error =
    gateway === 'TokenBudgetSpent' || gateway === 'CostBudgetSpent' || status === 402
      ? 'billing_error'
      : gateway === 'ModelNotAllowed' || status === 404
        ? 'model_not_found'
        : status === undefined
          ? 'unknown'
          : 'invalid_request';
  hooks.notify('StopFailure', error, {
    ...{ error, error_details: message, last_assistant_message: `API Error: ${message}` },
  });
}

/**
 * Stop or SubagentStop: what keeps the turn going, to be written; undefined where it may end. Hooks that have kept it going as often as the
 * class allows, while no tool was used, are not asked again.
 */
export async function beforeEnd(
  turn: readonly TranscriptEntry[],
  reply: TranscriptEntry,
  round: RoundContext,
): Promise<NewEntry | undefined> {
  const kept = keptGoing(turn);
  const limit = hookRules(round).stopBlocks;
  if (kept.inVain >= limit) {
    if (kept.inVain > 0) round.host.log.warn({ session: round.session, limit }, 'Stop hooks are overridden');
    return undefined;
  }
  const { subagent } = round.host;
  const [event, matched] =
    subagent === undefined ? (['Stop', ''] as const) : (['SubagentStop', subagent.agentType] as const);
  const said = await round.hooks.fire(event, matched, {
    ...(subagent !== undefined && { agent_transcript_path: subagentTranscript(subagent) }),
    stop_hook_active: kept.all > 0,
    last_assistant_message: textOf(reply),
    background_tasks: round.host.background.running().map(({ id, command }) => ({ id, command })),
    session_crons: schedulesOf(round)
      .list()
      .map(({ id, rhythm, prompt }) => ({ id, schedule: rhythm, prompt })),
  });
  if (said === undefined || said.stop !== undefined) return undefined;
  const { block, context, messages } = said;
  const texts = [...(block === undefined ? [] : [block]), ...context];
  if (texts.length === 0) return undefined;
  return {
    message: { role: 'user', content: texts.join('\n\n').toWellFormed() },
    hooks: { keepsGoing: true, ...(messages.length > 0 && { messages }) },
  };
}

/** As hooks in the container of the tools see it. */
function subagentTranscript({ session, id }: SubagentRecord): string {
  return posix.join(paths.transcripts, session, 'subagents', `agent-${id}.jsonl`);
}

/** How often Stop hooks have kept a turn going: in all, and since it last used a tool. */
function keptGoing(turn: readonly TranscriptEntry[]): { all: number; inVain: number } {
  let all = 0;
  let inVain = 0;
  for (const entry of turn) {
    if (entry.hooks?.keepsGoing === true) {
      all += 1;
      inVain += 1;
    } else if (toolResultIdsOf(entry).length > 0) inVain = 0;
  }
  return { all, inVain };
}
