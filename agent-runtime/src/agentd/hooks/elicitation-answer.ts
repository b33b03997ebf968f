import { z } from 'zod';
import type { HookEvent } from './hook.ts';

/** What a hook has an MCP server told that asked a person. Without an action, that of the person stands. */
export interface ElicitationAnswer {
  action?: 'accept' | 'decline' | 'cancel';
  content?: Record<string, unknown>;
}

const answer = z.object({
  action: z.enum(['accept', 'decline', 'cancel']).optional(),
  content: z.record(z.string(), z.unknown()).optional(),
});
const strictness = { decline: 3, cancel: 2, accept: 1 } as const;

export function isElicitation(event: HookEvent): event is 'Elicitation' | 'ElicitationResult' {
  return event === 'Elicitation' || event === 'ElicitationResult';
}

/** What the output says. Undefined: nothing; a text: what is wrong with it. */
export function elicitationAnswer(
  event: 'Elicitation' | 'ElicitationResult',
  specific: Readonly<Record<string, unknown>>,
): ElicitationAnswer | string | undefined {
  const parsed = answer.safeParse(specific);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `hookSpecificOutput.${issue?.path.join('.')}: ${issue?.message}`;
  }
  const { action, content } = parsed.data;
  if (action === undefined && content === undefined) return undefined;
  if (action === undefined && event === 'Elicitation')
    return 'hookSpecificOutput: there is a content, and no action';
  return { ...(action !== undefined && { action }), ...(content !== undefined && { content }) };
}

/** The strictest action counts; of contents, the last. */
export function together(known: ElicitationAnswer | undefined, fresh: ElicitationAnswer): ElicitationAnswer {
  const rank = ({ action }: ElicitationAnswer) => (action === undefined ? 0 : strictness[action]);
  if (known === undefined) return fresh;
  const [weaker, stricter] = rank(fresh) < rank(known) ? [fresh, known] : [known, fresh];
  if (rank(stricter) > strictness.accept) return stricter;
  return { ...weaker, ...stricter, ...(fresh.content !== undefined && { content: fresh.content }) };
}
