import { randomUUID } from 'node:crypto';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { ApprovalRequest } from '../../protocol/messages.ts';
import { reminder } from '../context/reminder.ts';
import type { SessionHooks } from '../hooks/session-hooks.ts';
import type { Effort } from '../model/effort.ts';
import { ModelRefused } from '../model/patient-model.ts';
import { isReadDenied } from '../permissions/decide.ts';
import { StorageError } from '../storage/health.ts';
import type { ParsedCall } from '../tools/registry.ts';
import { emptyList } from '../tools/task-list/list.ts';
import { CallSuspended, failed, type ToolContext, type ToolOutcome } from '../tools/tool.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { agentsFor, begunBy } from './agents.ts';
import { askAside } from './aside.ts';
import { askMeanwhile } from './ask-meanwhile.ts';
import { afterBatch } from './batch-hooks.ts';
import { elicitationHooksFor } from './elicitation-hooks.ts';
import type { ContentBlock, ToolUse, TranscriptEntry } from './entry.ts';
import { environmentOf } from './environment.ts';
import { keepBefore } from './file-changes.ts';
import { refusalOfTask } from './hooks.ts';
import type { SessionHost } from './host.ts';
import { interrupted } from './interrupted.ts';
import { laterFor } from './later.ts';
import { decideThroughLinks } from './links.ts';
import type { SessionLogs } from './logs.ts';
import { sendToWorkspace } from './mail.ts';
import { schedulesOf } from './schedules.ts';
import { scopeOf } from './scope.ts';
import { startForModel } from './skills.ts';
import {
  afterTool,
  beforeTool,
  type Instead,
  insteadOfPerson,
  parseFor,
  tellOfQuestion,
} from './tool-hooks.ts';
import type { EntryWriter } from './write-entry.ts';

type Runnable = { call: ToolUse } & Extract<ParsedCall, { tool: unknown }>;
type Judged =
  | { kind: 'run'; runnable: Runnable }
  | { kind: 'answer'; call: ToolUse; outcome: ToolOutcome }
  | { kind: 'undecided'; call: ToolUse; serial: boolean };

export interface RoundContext {
  session: string;
  logs: SessionLogs;
  host: SessionHost;
  writer: EntryWriter;
  signal: AbortSignal;
  /** The transcript, as far as the turn needs it. */
  entries: readonly TranscriptEntry[];
  /** The rules of the workspace, with what skills of this turn add to them. */
  permissions: RuntimeConfig['permissions'];
  /** The effort of the model, where a skill of this turn or the subagent's file names one. */
  effort: Effort | undefined;
  /** Files as the session last saw them. */
  seen: Map<string, string>;
  /** Tool calls under way; those of a round are added and taken away. */
  calls: Set<string>;
  hooks: SessionHooks;
}

/**
 * Carries out tool calls of one answer, as far as it can: those that nobody may decide on again, those that only read side
 * by side, the others in their order up to one that waits for a person. Returns the new entries; none means that everything
 * left waits.
 */
export async function runToolRound(
  calls: readonly ToolUse[],
  cut: boolean,
  round: RoundContext,
): Promise<{ written: number; undecided: string[] }> {
  const judged: Judged[] = [];
  for (const call of calls) judged.push(await judge(call, cut, round));
  const answers = judged.flatMap((it) => (it.kind === 'answer' ? [it] : []));
  for (const { call, outcome } of answers) await writeResult(call, outcome, round);
  const blocked = judged.findIndex((it) => it.kind === 'undecided' && it.serial);
  const runnable = judged.flatMap((it, index) => {
    if (it.kind !== 'run') return [];
    return it.runnable.tool.parallel || blocked === -1 || index < blocked ? [it.runnable] : [];
  });
  const ran = await runInOrder(runnable, round);
  const undecided = judged.flatMap((it) => (it.kind === 'undecided' ? [it.call.id] : []));
  const open = [...undecided, ...ran.suspended];
  if (open.length === 0) await afterBatch(round);
  else await round.writer.settled();
  return { written: answers.length + ran.written, undecided: open };
}

/** Neighbours that only read run side by side; one that changes something waits for those before it. Behind one that waits for a person nothing begins. */
async function runInOrder(
  runnable: readonly Runnable[],
  round: RoundContext,
): Promise<{ written: number; suspended: string[] }> {
  let written = 0;
  for (let at = 0; at < runnable.length; ) {
    let end = at + 1;
    if (runnable[at]?.tool.parallel) while (runnable[end]?.tool.parallel) end += 1;
    const group = runnable.slice(at, end);
    const records = group
      // One that was suspended says itself when it goes on.
      .filter(({ call }) => !round.logs.ledger.suspended.has(call.id))
      .map(({ call }) => ({
        type: 'tool' as const,
        toolUseId: call.id,
        at: new Date().toISOString(),
      }));
    // The note that it begins goes to the disk beside the answer that asks for it: without that one it is about nothing.
    const noted = await Promise.allSettled([
      round.writer.settled(),
      round.host.health.insist(round.signal, () => round.logs.appendRecords(...records)),
    ]);
    for (const each of noted) if (each.status === 'rejected') throw each.reason;
    const settled = await Promise.allSettled(group.map((it) => carryOutAndWrite(it, round)));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    const suspended = group.flatMap(({ call }, index) => {
      const result = settled[index];
      return result?.status === 'fulfilled' && result.value === 'suspended' ? [call.id] : [];
    });
    written += group.length - suspended.length;
    if (suspended.length > 0) return { written, suspended };
    at = end;
  }
  return { written, suspended: [] };
}

async function carryOutAndWrite(it: Runnable, round: RoundContext): Promise<'written' | 'suspended'> {
  round.calls.add(it.call.id);
  try {
    await writeResult(it.call, await carryOut(it, round), round);
    return 'written';
  } catch (error) {
    if (error instanceof CallSuspended) return 'suspended';
    throw error;
  } finally {
    round.calls.delete(it.call.id);
  }
}

async function judge(asked: ToolUse, cut: boolean, round: RoundContext): Promise<Judged> {
  const { ledger } = round.logs;
  const answer = (outcome: ToolOutcome): Judged => ({ kind: 'answer', call: asked, outcome });
  let given = parseFor(round, asked.name, asked.input);
  const suspended = ledger.suspended.has(asked.id);
  // Before its tool is looked for: the server of one may be away for now.
  if (suspended && ledger.awaits(asked.id))
    return { kind: 'undecided', call: asked, serial: !('tool' in given && given.tool.parallel) };
  if (suspended && 'problem' in given) {
    await round.host.mcp.reach(asked.name, round.signal);
    given = parseFor(round, asked.name, asked.input);
  }
  // Nothing of this session runs while a round begins, so a call that was started and has no result was cut off.
  const resumes =
    'tool' in given && (suspended || given.tool.resumes === true || begunBy(round, asked.id) !== undefined);
  if (ledger.startedTools.has(asked.id) && !resumes) {
    const why = suspended ? 'its tool is not there any more' : 'the workspace restarted';
    return answer(failed(interrupted(why, ledger.askedBy(asked.id), ledger.elicited.get(asked.id))));
  }
  if (cut)
    return answer(
      failed('This call was not run: your answer ended before it was complete. Make it shorter.'),
    );
  if ('problem' in given) return answer(failed(given.problem));
  const { call, parsed, said } = await beforeTool(asked, given, round);
  if (said?.stop !== undefined)
    return answer({ ...failed(`Not run: a hook ended the turn: ${said.stop}`), hooks: { stop: said.stop } });
  if (said?.decision === 'deny') return answer(refusedByHook(said.reason, said.context));
  if ('problem' in parsed) return answer(failed(`A hook changed the input of this call. ${parsed.problem}`));
  const scope = scopeOf(round);
  const access = parsed.tool.access(parsed.input, scope);
  const permission = await decideThroughLinks(access, round);
  if (permission.verdict === 'deny') return answer(failed(`Not permitted: ${permission.reason}.`));
  const forPerson = permission.verdict === 'ask' && permission.person === true;
  const permitted = permission.verdict === 'allow' || (said?.decision === 'allow' && !forPerson);
  if (permitted && said?.decision !== 'ask') return { kind: 'run', runnable: { call, ...parsed } };
  const approval = ledger.approvalFor(call.id);
  if (approval?.decision?.decision === 'allow') return { kind: 'run', runnable: { call, ...parsed } };
  if (approval?.decision !== undefined) {
    const { reason } = approval.decision;
    return answer(
      failed(
        reason === undefined
          ? 'A person denied this tool call.'
          : `A person denied this tool call: ${reason}`,
      ),
    );
  }
  if (approval === undefined) {
    const instead = await insteadOfPerson(call, parsed, { before: said, forPerson }, round);
    if (instead?.decision === 'deny') {
      const { reason, stop } = instead;
      return answer({
        ...refusedByHook(reason, said?.context),
        ...(stop !== undefined && { hooks: { stop } }),
      });
    }
    if (instead?.decision === 'allow') return await letThrough(instead, { call, parsed }, round);
    await ask(call, parsed, round);
  }
  return { kind: 'undecided', call, serial: !parsed.tool.parallel };
}

/** A call that hooks have let through, and maybe changed: the rules that would have kept it from a hook still do. */
async function letThrough(
  { changed }: Instead,
  asked: { call: ToolUse; parsed: Extract<ParsedCall, { tool: unknown }> },
  round: RoundContext,
): Promise<Judged> {
  const { call } = asked;
  if (changed === undefined) return { kind: 'run', runnable: { call, ...asked.parsed } };
  const answer = (outcome: ToolOutcome): Judged => ({ kind: 'answer', call, outcome });
  const { parsed } = changed;
  if ('problem' in parsed) return answer(failed(`A hook changed the input of this call. ${parsed.problem}`));
  const permission = await decideThroughLinks(parsed.tool.access(parsed.input, scopeOf(round)), round);
  if (permission.verdict === 'deny') return answer(failed(`Not permitted: ${permission.reason}.`));
  if (permission.verdict === 'allow' || permission.person !== true)
    return { kind: 'run', runnable: { call: changed.call, ...parsed } };
  await ask(changed.call, parsed, round);
  return { kind: 'undecided', call, serial: !parsed.tool.parallel };
}

function refusedByHook(reason: string | undefined, context: readonly string[] = []): ToolOutcome {
  return {
    ...failed(reason === undefined ? 'A hook refused this call.' : `A hook refused this call: ${reason}`),
    context,
  };
}

async function ask(
  call: ToolUse,
  { tool, input }: Extract<ParsedCall, { tool: unknown }>,
  round: RoundContext,
): Promise<void> {
  const { subagent } = round.host;
  const session = subagent?.session ?? round.session;
  const asker = subagent === undefined ? '' : `subagent ${subagent.agentType} (${subagent.description}): `;
  const request: ApprovalRequest = {
    id: randomUUID(),
    session,
    toolUseId: call.id,
    tool: tool.name,
    summary: `${asker}${tool.summary(input)}`.slice(0, 2_000),
    ...tool.asks?.(input),
    requestedAt: new Date().toISOString(),
  };
  // What it asks about is on disk.
  await round.writer.settled();
  await round.host.health.insist(round.signal, () =>
    round.logs.appendRecords({ type: 'approval', ...request }),
  );
  round.host.emit({
    type: 'approval',
    data: { id: request.id, session, decision: 'pending' },
  });
  tellOfQuestion(tool.name, round);
}

/** What a tool of this session works with. */
export function toolContextOf(round: RoundContext, toolUseId: string): ToolContext {
  const { host, signal, session, seen, permissions } = round;
  const scope = scopeOf(round);
  const answers = round.logs.ledger.approvalFor(toolUseId)?.decision?.answers;
  const afterPlan = permissions.mode === 'plan' ? permissions.afterPlan : undefined;
  const context: ToolContext = {
    toolUseId,
    session,
    isSubagent: host.subagent !== undefined,
    cwd: scope.cwd,
    environment: environmentOf(round),
    home: host.home,
    signal,
    client: host.client,
    background: host.background,
    seen,
    ...(answers !== undefined && { answers }),
    permissionMode: permissions.mode,
    ...(afterPlan !== undefined && { afterPlan }),
    keepBefore: (path) => keepBefore(path, host, signal),
    active: () => host.active(),
    hidden: (path) => isReadDenied(path, permissions.deny, scope),
    schedules: schedulesOf(round),
    startSkill: (name, args) => startForModel(name, args, round, context),
    model: host.config().model.name,
    askModel: (system, texts) => askAside(round, system, texts),
    askPerson: (tool, summary, questions) => askMeanwhile(round, { toolUseId, tool }, summary, questions),
    later: laterFor(round, toolUseId),
    elicitationHooks: elicitationHooksFor(round, toolUseId),
    sendToWorkspace: (name, text, waitSeconds) => sendToWorkspace(round, toolUseId, name, text, waitSeconds),
    refusalOfTask: (event, task) => refusalOfTask(event, task, round),
    taskList: () => round.entries.findLast((entry) => entry.taskList !== undefined)?.taskList ?? emptyList,
    agents: agentsFor(round, toolUseId, () => context),
  };
  return context;
}

async function carryOut(runnable: Runnable, round: RoundContext): Promise<ToolOutcome> {
  const begun = performance.now();
  const outcome = await attempt(runnable, round);
  return afterTool(runnable.call, runnable.tool.name, outcome, performance.now() - begun, round);
}

async function attempt({ call, tool, input }: Runnable, round: RoundContext): Promise<ToolOutcome> {
  const { host, signal, session } = round;
  host.active();
  try {
    return await tool.run(input, toolContextOf(round, call.id));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CallSuspended) throw error;
    if (error instanceof ToolRefused || error instanceof StorageError || error instanceof ModelRefused)
      return failed(error.message);
    if (error instanceof ToolsUnavailable) {
      host.log.warn({ session, tool: tool.name, err: error }, 'tool call failed');
      return failed(
        error.sent
          ? interrupted(error.message)
          : `${error.message}. Nothing was done. They may be restarting: try again in a moment.`,
      );
    }
    host.log.error({ session, tool: tool.name, err: error }, 'tool call broke');
    return failed('The tool broke inside the runtime; whether it took effect is not known.');
  }
}

async function writeResult(call: ToolUse, outcome: ToolOutcome, round: RoundContext): Promise<void> {
  const block = {
    type: 'tool_result',
    tool_use_id: call.id,
    // The API takes no blank text.
    content: outcome.blocks ?? (/\S/.test(outcome.content) ? outcome.content.toWellFormed() : '(no output)'),
    ...(outcome.isError && { is_error: true }),
  };
  if (outcome.seen !== undefined) round.seen.set(outcome.seen.path, outcome.seen.hash);
  await round.writer.say(
    {
      message: { role: 'user', content: [block, ...notesOf(outcome)] },
      ...(outcome.seen !== undefined && { toolUseResult: outcome.seen }),
      ...(outcome.cwd !== undefined && { cwd: outcome.cwd }),
      ...(outcome.loadedTools !== undefined && { loadedTools: outcome.loadedTools }),
      ...(outcome.skill !== undefined && { skill: outcome.skill }),
      ...(outcome.permissionMode !== undefined && { permissionMode: outcome.permissionMode }),
      ...(outcome.modelUsage !== undefined && { modelUsage: outcome.modelUsage }),
      ...(outcome.taskList !== undefined && { taskList: outcome.taskList }),
      ...(outcome.subagentUsage !== undefined && { subagentUsage: outcome.subagentUsage }),
      ...(outcome.toldBackground !== undefined && { toldBackground: outcome.toldBackground }),
      ...(outcome.hooks !== undefined && Object.keys(outcome.hooks).length > 0 && { hooks: outcome.hooks }),
    },
    round.signal,
  );
}

/** What hooks have for the model; the text is theirs. */
function notesOf({ context = [] }: ToolOutcome): ContentBlock[] {
  return context.length === 0 ? [] : [{ type: 'text', text: reminder(...context) }];
}
