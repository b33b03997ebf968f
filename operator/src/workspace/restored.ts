import type { RestoreState } from '@dormouse/agent-runtime/protocol';
import type { Finding } from './conditions.ts';
import type { Situation } from './situation.ts';

type Restored = Extract<Finding, { type: 'ProcessesRestored' }>;
type Surrounding = Pick<Situation, 'status' | 'workspace' | 'effective'>;

/** At most so many processes are named in a condition. */
const most = 20;

/** What became of the processes at the last wake, from what the agent found on the volume. */
export function restoredFinding(
  { status, workspace, effective }: Surrounding,
  { rejected, outcome, processes, restored, restarted, ended, sequence, problem }: RestoreState,
): Restored {
  const told = [
    ...(restored.length === 0 ? [] : [`with their memory: ${restored.slice(0, most).join(', ')}`]),
    ...[...restarted, ...ended].slice(0, most),
  ].join('; ');
  const say = (reason: Restored['reason'], message: string): Restored => ({
    type: 'ProcessesRestored',
    reason,
    ...(message === '' ? {} : { message }),
  });
  const [worst] = rejected;
  if (worst !== undefined)
    return say(
      'CheckpointRejected',
      `Checkpoint ${worst.sequence} on the volume was not whole (${worst.reason}); ${sequence === undefined ? 'the files as they are' : `checkpoint ${sequence}`} was used instead.`,
    );
  if (outcome === 'Forked') return say('Forked', [problem?.message, told].filter(Boolean).join('; '));
  if (outcome === 'Rewound' && problem === undefined) return say('Rewound', told);
  if (outcome === 'Recovered') return say('RecoveredAfterCrash', told);
  if (outcome === 'Fresh' && status.checkpoint === undefined) return say('NeverSlept', '');
  const now = `Now: ${told === '' ? 'nothing runs' : told}`;
  if (problem !== undefined)
    return say(
      problem.reason === 'Unsupported' ? 'NotSupported' : problem.reason,
      `${problem.message}. ${now}`,
    );
  if (processes === 'Restored') return say('Restored', told);
  if (workspace.spec.checkpoint.processes === 'Restore' && effective?.processes === 'Restart')
    return say(
      'NotSupported',
      `AgentWorkspaceClass ${status.className} has no process images (spec.processImages.enabled). ${now}`,
    );
  return processes === 'Restarted' ? say('Restarted', told) : say('NothingToRestore', told);
}
