import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceDurably } from '../agentd/storage/durable-file.ts';
import type { ArchivePart } from '../protocol/archive.ts';
import { type Archiver, restoredMark } from './archiver.ts';

/**
 * Fills one half of a volume from an archive, unless all of it was filled before: a pod that is started again must not put back what
 * was changed since. The files come first, then what the agent keeps, and last the mark, so that wherever the power goes it is done
 * again, or is whole.
 * @param state the folder of what the agent keeps, where the mark is
 */
export async function fill(
  archiver: Pick<Archiver, 'restore'>,
  part: ArchivePart,
  snapshot: string,
  state: string,
): Promise<void> {
  const mark = join(state, restoredMark);
  const there = await access(mark).then(
    () => true,
    () => false,
  );
  if (there) return;
  await archiver.restore(snapshot);
  if (part === 'state') await replaceDurably(mark, Buffer.from(`${snapshot}\n`));
}
