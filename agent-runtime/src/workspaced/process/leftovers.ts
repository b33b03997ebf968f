import { endProcesses } from './session.ts';
import { type ProcessEntry, readProcessTable } from './table.ts';

/**
 * Ends every other process of this user: what left its session to outlive it, such as a daemon. Only for a `workspaced` that
 * shares its process namespace with nobody. The first process of the namespace, our own parents and what `keep` names are spared.
 */
export async function endLeftovers(graceMs: number, keep: ReadonlySet<number> = new Set()): Promise<void> {
  const uid = process.getuid?.();
  const list = () => leftovers(readProcessTable(), process.pid, uid).filter((entry) => !keep.has(entry.pid));
  await endProcesses(list, graceMs, (entry) => entry.pid);
}

export function leftovers(
  table: readonly ProcessEntry[],
  self: number,
  uid: number | undefined,
): ProcessEntry[] {
  const parents = new Map(table.map((entry) => [entry.pid, entry.parent]));
  const spared = new Set([1]);
  for (let pid: number | undefined = self; pid && !spared.has(pid); pid = parents.get(pid)) spared.add(pid);
  return table.filter((entry) => entry.uid === uid && !spared.has(entry.pid));
}
