import { createContext, Script } from 'node:vm';

/** Moments at which hooks run. */
export const hookEvents = [
  'SessionStart',
  'InstructionsLoaded',
  'UserPromptSubmit',
  'UserPromptExpansion',
  'PreToolUse',
  'PermissionRequest',
  'PostToolUse',
  'PostToolUseFailure',
  'PostToolBatch',
  'CwdChanged',
  'Notification',
  'Stop',
  'StopFailure',
  'SubagentStart',
  'SubagentStop',
  'PreCompact',
  'PostCompact',
  'TaskCreated',
  'TaskCompleted',
  'Elicitation',
  'ElicitationResult',
] as const;
export type HookEvent = (typeof hookEvents)[number];

/** What a hook does. */
export type HookAction =
  | { type: 'command'; command: string }
  | { type: 'http'; url: string; headers: Record<string, string>; allowedEnvVars: string[] }
  | { type: 'mcp_tool'; server: string; tool: string; input: Record<string, unknown> }
  | { type: 'prompt'; prompt: string; model?: string }
  | { type: 'agent'; prompt: string; model?: string };

/** One hook, ready to run. */
export interface Hook {
  event: HookEvent;
  /** Undefined: always. */
  matcher: string | undefined;
  /** A permission rule that the tool call must match. */
  condition: string | undefined;
  action: HookAction;
  timeoutMs: number;
  /** Whether what it guards is refused when it cannot be asked, instead of let through. */
  failClosed: boolean;
  /** Nobody waits for it, and what it answers counts for nothing. */
  async: boolean;
  /** Whether it may let through what the rules would ask a person about. */
  mayAllow: boolean;
  /** Of the class: asked by agentd, seen by nobody in the workspace. */
  managed: boolean;
  /** It runs once in a session: what it is known by. */
  once?: string;
  /** Why it must not run. */
  refused?: string;
  /** Variables of its process beside those of every hook. */
  env: Record<string, string>;
  /** The file that it stands in, for sentences and logs. */
  source: string;
}

const expression = new Script('new RegExp(pattern).test(value)');
const expressionMs = 100;
const context = createContext({ pattern: '', value: '' });

/** What an expression said of a value, which it will say again. A context and a limit of time cost 0.6 ms for each, of each hook and call. */
const said = new Map<string, boolean>();
const mostSaid = 1_000;

/**
 * Whether the matcher of a hook names `value`: nothing or `*` is all, plain names are a list, anything else a regular expression.
 * One that takes too long for an answer, as anybody may have written it, counts as one that does: the hook runs.
 */
export function matches(matcher: string | undefined, value: string): boolean {
  if (matcher === undefined || matcher === '' || matcher === '*') return true;
  if (/^[A-Za-z0-9_\- ,|]*$/.test(matcher))
    return matcher.split(/[,|]/).some((name) => name.trim() === value);
  const question = JSON.stringify([matcher, value]);
  const known = said.get(question);
  if (known !== undefined) return known;
  try {
    Object.assign(context, { pattern: matcher, value });
    const answer: boolean = expression.runInContext(context, { timeout: expressionMs });
    if (said.size >= mostSaid) said.clear();
    said.set(question, answer);
    return answer;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return true;
    throw error;
  }
}
