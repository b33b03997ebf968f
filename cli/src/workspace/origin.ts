import type { AgentCheckpoint } from '@dormouse/crds';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';
import type { Access } from '../surroundings.ts';
import { findWorkspace, ofWorkspace } from './find.ts';
import type { Manifest } from './manifest.ts';

/**
 * What a fork of a workspace begins with: the spec of that one, and as source a checkpoint of it that has a snapshot or an archive.
 * @param wanted its number or its name; undefined: the newest
 * @throws Failure `notFound` where there is no such checkpoint, which says how to have one
 */
export async function forkOf(
  access: Access,
  name: string,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Pick<Manifest, 'spec'>> {
  const { kube, namespace } = access;
  const { spec } = await findWorkspace(access, name, signal);
  const all = ofWorkspace((await kube.list(kinds.checkpoints, { namespace, signal })).items, name);
  const checkpoint = choose(all, wanted);
  if (checkpoint === undefined) {
    const which = wanted === undefined ? 'a checkpoint' : `a checkpoint ${wanted}`;
    throw new Failure(
      'notFound',
      `workspace "${name}" has not ${which} with a snapshot or an archive to fork from`,
      [
        `What there is:  dormouse checkpoints ${name} --namespace ${namespace}`,
        `Take one:       dormouse checkpoint ${name} --snapshot --namespace ${namespace}`,
        `Or, in a bucket: dormouse checkpoint ${name} --archive --namespace ${namespace}`,
        'Each sleep takes one while spec.checkpoint.volumeSnapshotClassName names a VolumeSnapshotClass.',
      ],
    );
  }
  const source = { checkpointRef: { name: checkpoint.metadata.name } };
  // A fork that is told to stay asleep would never be made.
  return { spec: { ...spec, ...(spec.runPolicy === 'Suspended' && { runPolicy: 'Auto' }), source } };
}

function choose(all: readonly AgentCheckpoint[], wanted: string | undefined): AgentCheckpoint | undefined {
  return all
    .filter(({ status }) => status?.volumeSnapshot !== undefined || status?.archive?.phase === 'Completed')
    .filter(
      ({ metadata, status }) =>
        wanted === undefined || metadata.name === wanted || String(status?.sequence) === wanted,
    )
    .sort((a, b) => (a.status?.sequence ?? 0) - (b.status?.sequence ?? 0))
    .at(-1);
}
