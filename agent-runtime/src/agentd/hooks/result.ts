import { z } from 'zod';
import { type ElicitationAnswer, elicitationAnswer, isElicitation } from './elicitation-answer.ts';
import type { HookEvent } from './hook.ts';

/** How one hook ended: a process, or an answer over HTTP as a process that would have printed it. */
export interface HookEnd {
  code: number;
  stdout: string;
  stderr: string;
}

/** What one hook said. */
export interface HookResult {
  /** Why it could not be asked, or what is wrong with its answer. */
  failed?: string;
  permission?: { decision: 'allow' | 'deny' | 'ask'; reason?: string };
  /** What it was asked about is refused; the reason is for the model, or for who sent the prompt. */
  block?: string;
  /** The turn ends, with this for a person. */
  stop?: string;
  /** For a person. */
  message?: string;
  /** For the model. */
  context?: string;
  updatedInput?: Record<string, unknown>;
  updatedOutput?: string;
  /** The same for tools of MCP servers alone, by its older name. */
  updatedMcpOutput?: string;
  sessionTitle?: string;
  /** Where it may have written variables for the commands that follow. */
  environmentFile?: string;
  /** What a server is told that asked a person. */
  elicitation?: ElicitationAnswer;
}

/** Characters of each text that reaches the model or a person. */
const maxText = 10_000;
const said = z.string().transform((value) => value.slice(0, maxText));
const flag = z.enum(['allow', 'deny', 'ask', 'defer']);
const output = z.looseObject({
  continue: z.boolean().optional(),
  stopReason: said.optional(),
  systemMessage: said.optional(),
  decision: z.string().optional(),
  reason: said.optional(),
  hookSpecificOutput: z
    .looseObject({
      permissionDecision: flag.optional(),
      permissionDecisionReason: said.optional(),
      updatedInput: z.record(z.string(), z.unknown()).optional(),
      additionalContext: said.optional(),
      updatedToolOutput: z.unknown().optional(),
      updatedMCPToolOutput: z.unknown().optional(),
      sessionTitle: z.string().optional(),
      decision: z
        .looseObject({
          behavior: z.enum(['allow', 'deny']),
          message: said.optional(),
          updatedInput: z.record(z.string(), z.unknown()).optional(),
          interrupt: z.boolean().optional(),
        })
        .optional()
        .catch(undefined),
    })
    .optional(),
});

type Specific = Partial<NonNullable<z.infer<typeof output>['hookSpecificOutput']>>;

const plainContext: readonly HookEvent[] = [
  'SessionStart',
  'UserPromptSubmit',
  'UserPromptExpansion',
  'SubagentStart',
];
/** Where an exit with 2 refuses, or tells the model. */
const blockable: readonly HookEvent[] = [
  'UserPromptSubmit',
  'UserPromptExpansion',
  'PreToolUse',
  'PermissionRequest',
  'PostToolUse',
  'PostToolUseFailure',
  'PostToolBatch',
  'Stop',
  'SubagentStop',
  'PreCompact',
  'TaskCreated',
  'TaskCompleted',
  'Elicitation',
  'ElicitationResult',
];

/** What the end of a hook means. Exit code 2 refuses, with its stderr as the reason; JSON counts only where it exits with 0. */
export function resultOf(event: HookEvent, { code, stdout, stderr }: HookEnd): HookResult {
  const reason = stderr.trim().slice(0, maxText);
  if (code === 2 && !blockable.includes(event)) return { message: reason };
  if (code === 2) return blocked(event, reason);
  if (code !== 0) return { failed: `it exited with code ${code}${reason === '' ? '' : `: ${reason}`}` };
  const printed = stdout.trim();
  if (!printed.startsWith('{')) {
    return plainContext.includes(event) && printed !== '' ? { context: printed.slice(0, maxText) } : {};
  }
  let value: unknown;
  try {
    value = JSON.parse(printed);
  } catch {
    return { failed: 'what it printed begins with { and is no JSON' };
  }
  const parsed = output.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { failed: `its answer is not valid: ${issue?.path.join('.')}: ${issue?.message}` };
  }
  return ofOutput(event, parsed.data);
}

function ofOutput(event: HookEvent, given: z.infer<typeof output>): HookResult {
  const specific: Specific = given.hookSpecificOutput ?? {};
  const result: HookResult = {};
  if (given.continue === false)
    result.stop = given.stopReason?.trim() ? given.stopReason : 'A hook ended the turn.';
  if (given.systemMessage !== undefined) result.message = given.systemMessage;
  if (specific.additionalContext !== undefined) result.context = specific.additionalContext;
  if (given.decision === 'block') Object.assign(result, blocked(event, given.reason));
  // The older way to say it.
  if (event === 'PreToolUse' && given.decision === 'approve')
    result.permission = permission('allow', given.reason);
  if (event === 'PreToolUse' && specific.permissionDecision !== undefined) {
    // What `defer` does elsewhere is what asking does here: the call waits, on disk, for as long as it takes.
    const decision = specific.permissionDecision === 'defer' ? 'ask' : specific.permissionDecision;
    result.permission = permission(decision, specific.permissionDecisionReason);
  }
  if (event === 'PermissionRequest' && specific.decision !== undefined) {
    const { behavior, message, interrupt } = specific.decision;
    result.permission = permission(behavior, message);
    if (behavior === 'deny' && interrupt === true) result.stop = message ?? 'A hook ended the turn.';
  }
  const input = event === 'PermissionRequest' ? specific.decision?.updatedInput : specific.updatedInput;
  if (input !== undefined) result.updatedInput = input;
  const shown = outputOf(specific.updatedToolOutput);
  if (shown !== undefined) result.updatedOutput = shown;
  const ofMcp = outputOf(specific.updatedMCPToolOutput);
  if (ofMcp !== undefined) result.updatedMcpOutput = ofMcp;
  if (specific.sessionTitle !== undefined) result.sessionTitle = specific.sessionTitle;
  if (isElicitation(event) && result.elicitation === undefined) {
    const answer = elicitationAnswer(event, specific);
    if (typeof answer === 'string') return { failed: `its answer is not valid: ${answer}` };
    if (answer !== undefined) result.elicitation = answer;
  }
  return result;
}

function outputOf(shown: unknown): string | undefined {
  if (shown === undefined || shown === null) return undefined;
  return typeof shown === 'string' ? shown : JSON.stringify(shown);
}

function blocked(event: HookEvent, given: string | undefined): HookResult {
  const reason = given?.trim() ? given : 'A hook refused it.';
  // The server learns of no reason: it is for a person.
  if (isElicitation(event)) return { elicitation: { action: 'decline' }, message: reason };
  return event === 'PreToolUse' || event === 'PermissionRequest'
    ? { permission: { decision: 'deny', reason } }
    : { block: reason };
}

function permission(decision: 'allow' | 'deny' | 'ask', reason: string | undefined) {
  return { decision, ...(reason !== undefined && { reason }) };
}
