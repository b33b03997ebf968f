import type { Action } from '../workspace/actions.ts';
import type { Situation } from '../workspace/situation.ts';
import { upgradeName } from './name.ts';
import { isWaiting } from './plan.ts';
import { presentAsleep } from './present.ts';
import { snapshotOutcome } from './volume-snapshot.ts';

/** What comes before a wake with another image of the agent. */
export interface BeforeUpgrade {
  steps: Action[][];
  /** When to look again (milliseconds). */
  until?: number;
}

/**
 * A workspace that sleeps is to wake with another image of the agent than the one that last ran on its volume: what it is now is
 * kept first, with a VolumeSnapshot where it has a class for those. That never keeps it from waking: a snapshot that fails is done
 * without. Undefined where nothing is left to be done.
 */
export function beforeUpgrade(situation: Situation): BeforeUpgrade | undefined {
  const { status, effective, checkpoints, workspace, now, settings } = situation;
  const image = effective?.class.spec.images.agent;
  const newest = status.checkpoint;
  const name = upgradeName(workspace.metadata.name, status);
  if (newest === undefined || name === undefined || image === undefined) return undefined;
  if (status.agentImage === undefined || status.agentImage === image) return undefined;
  const kept = checkpoints.find(({ metadata }) => metadata.name === name);
  if (kept === undefined)
    return { steps: [[{ do: 'createCheckpoint', name, trigger: 'BeforeUpgrade', volumeSnapshot: false }]] };
  if (!isWaiting(kept)) return undefined;
  const since = Date.parse(kept.metadata.creationTimestamp ?? '') || now;
  const { values, step } = presentAsleep(situation, newest, since + settings.checkpointTimeout);
  if (step.is === 'missing') return { steps: [[{ do: 'createVolumeSnapshot', snapshot: step.snapshot }]] };
  if (step.is === 'waited for') return { steps: [], until: step.until };
  return {
    steps: [[{ do: 'writeCheckpoint', name, status: { ...values, ...snapshotOutcome(step) } }]],
  };
}
