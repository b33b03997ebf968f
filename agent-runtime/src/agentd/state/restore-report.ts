import type { RestoreState } from '../../protocol/state.ts';
import type { Reconciled } from '../tools/tools-watch.ts';

/** What a start found, with what has since become of the processes: those that are restored or started again count once. */
export function withReconciled(
  restore: RestoreState,
  { restored, restarted, ended, lost }: Reconciled,
): RestoreState {
  const all = [...restore.restored, ...restored];
  const known = new Set([...all, ...restore.restarted]);
  const again = [...restore.restarted, ...restarted.filter((line) => !known.has(line))];
  const processes = all.length > 0 ? 'Restored' : again.length > 0 ? 'Restarted' : restore.processes;
  return {
    ...restore,
    restored: all,
    restarted: again,
    ended: [...restore.ended, ...ended],
    processes,
    ...(lost.length > 0 && { problem: { reason: 'RestoreFailed' as const, message: lost.join('; ') } }),
  };
}
