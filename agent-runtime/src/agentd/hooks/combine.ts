import { type ElicitationAnswer, isElicitation, together } from './elicitation-answer.ts';
import type { Hook, HookEvent } from './hook.ts';
import type { HookResult } from './result.ts';

/** What all hooks of one event said together. */
export interface Combined {
  permission?: { decision: 'allow' | 'deny' | 'ask'; reason?: string };
  /** Reasons of those that refuse, one after another. */
  block?: string;
  stop?: string;
  /** For a person. */
  messages: string[];
  /** For the model. */
  context: string[];
  updatedInput?: Record<string, unknown>;
  updatedOutput?: string;
  updatedMcpOutput?: string;
  sessionTitle?: string;
  /** What a server is told that asked a person. */
  elicitation?: ElicitationAnswer;
}

const strictness = { deny: 3, ask: 2, allow: 1 } as const;
/** Where a hook that cannot be asked can refuse. */
const guarded: readonly HookEvent[] = [
  'UserPromptSubmit',
  'UserPromptExpansion',
  'PreToolUse',
  'PermissionRequest',
  'Elicitation',
  'ElicitationResult',
];

/** The strictest decision wins; of what replaces something, the last. */
export function combine(event: HookEvent, results: readonly { hook: Hook; result: HookResult }[]): Combined {
  const combined: Combined = { messages: [], context: [] };
  for (const { hook, result: given } of results) {
    const result = given.failed !== undefined && hook.failClosed ? refusal(event, hook, given.failed) : given;
    const { permission, block, stop, message, context, updatedInput, updatedOutput, elicitation } = result;
    const { updatedMcpOutput, sessionTitle } = result;
    const counts = permission !== undefined && (permission.decision !== 'allow' || hook.mayAllow);
    if (
      counts &&
      strictness[permission.decision] > (combined.permission ? strictness[combined.permission.decision] : 0)
    )
      combined.permission = permission;
    if (block !== undefined)
      combined.block = combined.block === undefined ? block : `${combined.block}\n${block}`;
    if (stop !== undefined) combined.stop ??= stop;
    if (message !== undefined && message !== '') combined.messages.push(message);
    if (context !== undefined && context.trim() !== '') combined.context.push(context);
    if (updatedInput !== undefined) combined.updatedInput = updatedInput;
    if (updatedOutput !== undefined) combined.updatedOutput = updatedOutput;
    if (updatedMcpOutput !== undefined) combined.updatedMcpOutput = updatedMcpOutput;
    if (sessionTitle !== undefined) combined.sessionTitle = sessionTitle;
    const refuses = elicitation?.action === 'decline' || elicitation?.action === 'cancel';
    if (elicitation !== undefined && (refuses || hook.mayAllow))
      combined.elicitation = together(combined.elicitation, elicitation);
  }
  return combined;
}

function refusal(event: HookEvent, hook: Hook, why: string): HookResult {
  if (!guarded.includes(event)) return {};
  const reason = hook.managed
    ? 'a hook of the platform could not be asked, and nothing may go on without it'
    : `a hook of ${hook.source} must be asked, and could not be: ${why}`;
  if (isElicitation(event)) return { elicitation: { action: 'decline' }, message: reason };
  return event === 'UserPromptSubmit' || event === 'UserPromptExpansion'
    ? { block: reason }
    : { permission: { decision: 'deny', reason } };
}
