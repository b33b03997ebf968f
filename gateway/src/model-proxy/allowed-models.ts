import { reasonHeader } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspaceClass } from '@dormouse/crds';
import { Refusal } from '../http/refusal.ts';

/**
 * Why a workspace of the class may not ask for a model; undefined: it may. Names are compared as they are written: whatever else a
 * provider calls the same model is another name.
 */
export function modelRefusal(
  { metadata, spec }: Pick<AgentWorkspaceClass, 'metadata' | 'spec'>,
  model: string,
): Refusal | undefined {
  const { allowed } = spec.model;
  if (allowed === undefined || allowed.includes(model)) return undefined;
  return new Refusal(
    'not_found',
    `model: AgentWorkspaceClass ${metadata.name} does not allow ${JSON.stringify(model)}, but ${allowed.join(', ')} (spec.model.allowed). Name one of these, or have it added there.`,
    { [reasonHeader]: 'ModelNotAllowed' },
  );
}
