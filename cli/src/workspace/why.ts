import { type AgentWorkspace, type ConditionMeaning, workspaceConditions } from '@dormouse/crds';

type Condition = NonNullable<NonNullable<AgentWorkspace['status']>['conditions']>[number];

/** Why the workspace is awake, asleep or neither, in a sentence. */
export function why({ status }: AgentWorkspace): string {
  const find = (type: string) => status?.conditions?.find((each) => each.type === type);
  const asleep = find('Asleep');
  const ready = find('Ready');
  // A workspace that cannot run has its reason in Ready; of the others Asleep tells more.
  const telling = status?.phase === 'Failed' ? (ready ?? asleep) : (asleep ?? ready);
  return telling === undefined ? 'the operator has not looked at it yet' : sentence(telling);
}

/** What a condition says: its message, or the meaning of its reason where it has none. */
export function sentence({ type, reason, message }: Condition): string {
  if (message !== '') return message;
  const all: Record<string, ConditionMeaning> = workspaceConditions;
  return all[type]?.reasons[reason]?.meaning ?? reason;
}

/** Whether what a condition says is good news, bad news, or neither: a sleeping workspace is not ready and well. */
export function tone({ type, status, reason }: Condition): 'good' | 'bad' | 'neutral' {
  if (status === 'Unknown') return 'neutral';
  if (status === 'True') return 'good';
  const harmless: Record<string, readonly string[]> = {
    Ready: ['Suspended', 'Starting', 'Checkpointing', 'Terminating'],
    Asleep: ['Starting', 'Demand', 'Busy', 'IdleTooShort', 'RunPolicyAlways', 'Checkpointing', 'Terminating'],
    StorageReady: ['ClaimPending'],
    PodRunning: ['Asleep', 'Starting'],
    UpToDate: ['WaitingForSleep', 'Replacing'],
  };
  return harmless[type]?.includes(reason) ? 'neutral' : 'bad';
}
