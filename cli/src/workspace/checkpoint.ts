import type { AgentCheckpoint } from '@dormouse/crds';
import { Failure } from '../failure.ts';

/**
 * A checkpoint of a workspace that has its files.
 * @param all the checkpoints of that workspace
 * @param wanted its number or its name; undefined: the newest
 * @param words what it is wanted for, as in `to fork from`
 * @throws Failure `notFound` where there is no such checkpoint, which says how to have one
 */
export function findCheckpoint(
  all: readonly AgentCheckpoint[],
  workspace: string,
  namespace: string,
  wanted: string | undefined,
  words: string,
): AgentCheckpoint {
  const found = all
    .filter(({ status }) => status?.volumeSnapshot !== undefined || status?.archive?.phase === 'Completed')
    .filter(
      ({ metadata, status }) =>
        wanted === undefined || metadata.name === wanted || String(status?.sequence) === wanted,
    )
    .sort((a, b) => (a.status?.sequence ?? 0) - (b.status?.sequence ?? 0))
    .at(-1);
  if (found !== undefined) return found;
  const which = wanted === undefined ? 'a checkpoint' : `a checkpoint ${wanted}`;
  throw new Failure(
    'notFound',
    `workspace "${workspace}" has not ${which} with a snapshot or an archive ${words}`,
    [
      `What there is:  dormouse checkpoints ${workspace} --namespace ${namespace}`,
      `Take one:       dormouse checkpoint ${workspace} --snapshot --namespace ${namespace}`,
      `Or archive it:  dormouse checkpoint ${workspace} --archive --namespace ${namespace}`,
      'Each sleep takes one while spec.checkpoint.volumeSnapshotClassName names a VolumeSnapshotClass.',
    ],
  );
}
