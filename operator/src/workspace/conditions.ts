import {
  type Condition,
  type WorkspaceConditionReason,
  type WorkspaceConditionType,
  workspaceConditions,
} from '@dormouse/crds';
import { instant } from './instant.ts';

/** What a condition shall say. The status goes with the reason; without a message the reason's meaning is told. */
export type Finding = {
  [Type in WorkspaceConditionType]: { type: Type; reason: WorkspaceConditionReason<Type>; message?: string };
}[WorkspaceConditionType];

/**
 * The conditions after some findings: what was not found anew stays, and `lastTransitionTime` moves only where the status
 * changes.
 */
export function conditionsAfter(
  previous: readonly Condition[],
  findings: readonly Finding[],
  generation: number,
  now: number,
): Condition[] {
  const result = new Map(previous.map((each) => [each.type, each]));
  for (const { type, reason, message } of findings) {
    const meaning = (
      workspaceConditions[type].reasons as Record<string, { status: Condition['status']; meaning: string }>
    )[reason];
    if (meaning === undefined) continue;
    const before = result.get(type);
    result.set(type, {
      type,
      status: meaning.status,
      observedGeneration: generation,
      lastTransitionTime:
        before !== undefined && before.status === meaning.status ? before.lastTransitionTime : instant(now),
      reason,
      message: (message ?? meaning.meaning).slice(0, 4096),
    });
  }
  return [...result.values()];
}

export function conditionOf<Type extends WorkspaceConditionType>(
  conditions: readonly Condition[] | undefined,
  type: Type,
): Condition | undefined {
  return conditions?.find((each) => each.type === type);
}
