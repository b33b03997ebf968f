import type { Situation } from '../workspace/situation.ts';

/** How the present of a workspace is kept, so that a rewind can be undone. */
export type Keeping = 'Snapshot' | 'Bucket' | 'Volume';

/** With a VolumeSnapshot where that can be, else in an archive; undefined where there is neither. */
export function keepingOf({ workspace, volumeSnapshots, effective }: Situation): Keeping | undefined {
  if (workspace.spec.checkpoint.volumeSnapshotClassName !== undefined && volumeSnapshots !== undefined)
    return 'Snapshot';
  const archive = effective?.class.spec.archive;
  return archive && (archive.volume === undefined ? 'Bucket' : 'Volume');
}
