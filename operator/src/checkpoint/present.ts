import type { AgentCheckpointStatus } from '@dormouse/crds';
import type { Situation } from '../workspace/situation.ts';
import { checkpointName } from './name.ts';
import { own, type SnapshotStep, snapshotStep } from './volume-snapshot.ts';

/**
 * What a checkpoint of a workspace that sleeps says: it is the newest one, to which nothing was written since. Where that has no
 * VolumeSnapshot, one can still be taken.
 * @param expires when that is given up (milliseconds)
 */
export function presentAsleep(
  situation: Situation,
  newest: NonNullable<Situation['status']['checkpoint']>,
  expires: number,
): { values: AgentCheckpointStatus; step: SnapshotStep; archive: AgentCheckpointStatus['archive'] } {
  const { name, sequence, digest, completedAt } = newest;
  const {
    reason: _reason,
    message: _message,
    archive,
    volumeSnapshot,
    ...known
  }: AgentCheckpointStatus = situation.checkpoints.find(
    (each) => each.metadata.name === name && each.status?.phase === 'Completed',
  )?.status ?? { digest, completedAt };
  const values: AgentCheckpointStatus = { ...known, phase: 'Completed', observedGeneration: 1, sequence };
  const there =
    volumeSnapshot !== undefined &&
    own(situation).some(({ metadata }) => metadata.name === volumeSnapshot.name);
  if (there) return { values, archive, step: { is: 'cut', volumeSnapshot } };
  const step = snapshotStep(situation, checkpointName(situation.name.name, sequence), expires);
  return { values, archive, step };
}
