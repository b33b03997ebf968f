import type { ScannedLog } from '../session/open-sessions.ts';
import { digestOf, type Manifest } from './manifest.ts';
import type { CheckpointStore, FoundCheckpoint } from './store.ts';

export interface Verified {
  /** The newest checkpoint that is whole and matches what is on the volume. */
  sequence?: number;
  cursor: number;
  /** Newer ones that are not, and why. */
  rejected: { sequence: number; reason: string }[];
  /** Whether something was written after it: the workspace did not come from a sleep. */
  grown: boolean;
  /** Of that checkpoint. */
  manifest?: Manifest;
}

/** Whose volume it is. One that was kept (`storage.retain`) may be that of another workspace of the same name. */
type Owner = Pick<Manifest['workspace'], 'namespace' | 'name'>;

/**
 * Finds the checkpoint that the volume stands on. Logs are never rolled back: what was acknowledged after a checkpoint
 * stays, so a bad one costs the proof, not the data.
 */
export async function verifyCheckpoints(
  store: CheckpointStore,
  found: readonly FoundCheckpoint[],
  scanned: readonly ScannedLog[],
  owner: Owner,
): Promise<Verified> {
  const scans = new Map(scanned.map(({ name, scan }) => [name, scan]));
  const rejected: Verified['rejected'] = [];
  for (const { sequence, problem, manifest } of found) {
    const reason = problem ?? foreign(manifest, owner) ?? (await mismatch(store, manifest, scans));
    if (reason !== undefined) {
      rejected.push({ sequence, reason });
      continue;
    }
    const logs = (manifest?.files ?? []).flatMap((file) => (file.kind === 'log' ? [file] : []));
    const same = logs.every((file) => scans.get(file.path)?.length === file.length);
    return {
      sequence,
      cursor: manifest?.cursor ?? 0,
      rejected,
      grown: !same || logs.length !== scans.size,
      ...(manifest && { manifest }),
    };
  }
  return { cursor: 0, rejected, grown: scans.size > 0 };
}

function foreign(manifest: FoundCheckpoint['manifest'], owner: Owner): string | undefined {
  const { namespace, name } = manifest?.workspace ?? owner;
  if (namespace === owner.namespace && name === owner.name) return undefined;
  return `it is one of another workspace, ${namespace}/${name}`;
}

async function mismatch(
  store: CheckpointStore,
  manifest: FoundCheckpoint['manifest'],
  scans: ReadonlyMap<string, ScannedLog['scan']>,
): Promise<string | undefined> {
  if (manifest === undefined) return 'its manifest cannot be read';
  for (const file of manifest.files) {
    if (file.kind === 'file') {
      const problem = await copyProblem(store, manifest.sequence, file);
      if (problem !== undefined) return problem;
      continue;
    }
    const scan = scans.get(file.path);
    if (scan === undefined) return `${file.path} is missing`;
    if (scan.length < file.length)
      return `${file.path} has ${scan.length} bytes, not the ${file.length} of the checkpoint`;
    if (scan.digests.get(file.length) !== file.sha256) return `${file.path} does not match its digest`;
  }
  return undefined;
}

async function copyProblem(
  store: CheckpointStore,
  sequence: number,
  file: { copy: string; sha256: string },
): Promise<string | undefined> {
  try {
    const copy = await store.readCopy(sequence, file.copy);
    return digestOf(copy) === `sha256:${file.sha256}`
      ? undefined
      : `its copy ${file.copy} does not match its digest`;
  } catch (error) {
    return `its copy ${file.copy} cannot be read (${(error as Error).message})`;
  }
}
