import { kinds } from '../cluster/resources.ts';
import type { Access } from '../surroundings.ts';
import { findCheckpoint } from './checkpoint.ts';
import { findWorkspace, ofWorkspace } from './find.ts';
import type { Manifest } from './manifest.ts';

/**
 * What a fork of a workspace begins with: the spec of that one, and as source a checkpoint of it that has a snapshot or an archive.
 * @param from its name, or `NAMESPACE/NAME` of one elsewhere
 * @param wanted its number or its name; undefined: the newest
 * @throws Failure `notFound` where there is no such checkpoint, which says how to have one
 */
export async function forkOf(
  access: Access,
  from: string,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Pick<Manifest, 'spec'>> {
  const { kube } = access;
  const [name = '', namespace = access.namespace] = from.split('/', 2).reverse();
  const elsewhere = namespace !== access.namespace;
  const { spec } = await findWorkspace({ ...access, namespace }, name, signal);
  const all = ofWorkspace((await kube.list(kinds.checkpoints, { namespace, signal })).items, name);
  const checkpoint = findCheckpoint(all, name, namespace, wanted, 'to fork from');
  const source = { checkpointRef: { name: checkpoint.metadata.name, ...(elsewhere && { namespace }) } };
  // A fork that is told to stay asleep would never be made.
  return { spec: { ...spec, ...(spec.runPolicy === 'Suspended' && { runPolicy: 'Auto' }), source } };
}
