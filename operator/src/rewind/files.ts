import type { AgentCheckpointStatus, AgentWorkspaceStatus } from '@dormouse/crds';
import { own } from '../checkpoint/volume-snapshot.ts';
import { quantityValue } from '../workspace/quantity.ts';
import type { Situation } from '../workspace/situation.ts';
import type { Keeping } from './present.ts';

type Rewind = NonNullable<AgentWorkspaceStatus['rewind']>;

/** What a rewind takes its files from, or why it cannot; sentences for people. */
export type Files =
  | { refused: string }
  | { waits: string }
  /** `least`: bytes of the volume; `written`: the same for people. */
  | { from: Pick<Rewind['to'], 'volumeSnapshot' | 'archive'>; least: number; written: string };

/** What the files of a checkpoint come from: its VolumeSnapshot, or else its archive. */
export function filesOf(
  situation: Situation,
  wanted: string,
  { volumeSnapshot, archive }: Pick<AgentCheckpointStatus, 'volumeSnapshot' | 'archive'>,
  keeping: Keeping,
): Files {
  const { place = 'Bucket', repository, snapshots, bytes = 0 } = archive ?? {};
  const archived = archive?.phase === 'Completed' && snapshots !== undefined;
  // Archives on the volume move along with what is restored from them: the claim from before can go then, with the present in it.
  const moves = archived && place === 'Volume';
  if (keeping === 'Volume' && !moves)
    return {
      refused: `AgentCheckpoint ${wanted} has no archive on the volume, and the present would be kept there alone. Name one that has status.archive.`,
    };
  if (archived && (volumeSnapshot === undefined || keeping === 'Volume')) {
    if (place === 'Bucket' && situation.effective?.class.spec.archive?.bucket === undefined)
      return {
        refused: `The archive of AgentCheckpoint ${wanted} is in a bucket that the class does not name any more.`,
      };
    const from = { place, snapshots, ...(repository === undefined ? {} : { repository }) };
    return { from: { archive: from }, least: bytes, written: `${bytes} bytes and more` };
  }
  if (volumeSnapshot === undefined)
    return archive === undefined || archive.phase === 'Failed'
      ? {
          refused: `AgentCheckpoint ${wanted} has no VolumeSnapshot and no archive: without the files of that moment its conversation is not restored either. Name one that has status.volumeSnapshot or status.archive.`,
        }
      : { waits: `The archive of AgentCheckpoint ${wanted} is not complete yet.` };
  const { name, readyToUse, restoreSize } = volumeSnapshot;
  if (!own(situation).some(({ metadata }) => metadata.name === name))
    return {
      refused: `VolumeSnapshot ${name} of AgentCheckpoint ${wanted} is gone. Name another checkpoint.`,
    };
  if (!readyToUse) return { waits: `VolumeSnapshot ${name} is not ready to use yet.` };
  return {
    from: { volumeSnapshot: name },
    least: restoreSize === undefined ? 0 : quantityValue(restoreSize),
    written: restoreSize ?? '',
  };
}
