import type { AgentCheckpoint } from '@dormouse/crds';
import { age } from '../output/age.ts';
import { bytes } from '../output/bytes.ts';
import type { Column } from '../output/table.ts';
import type { Needs } from './needs.ts';

/** The table of checkpoints at the instant `now`, in milliseconds. */
export function checkpointColumns(now: number, needs: Needs): Column<AgentCheckpoint>[] {
  const text = (value: number | undefined) => (value === undefined ? '' : String(value));
  return [
    { name: 'NAME', cell: ({ metadata }) => metadata.name },
    { name: 'TRIGGER', cell: ({ spec }) => spec.trigger },
    { name: 'PHASE', cell: ({ status }) => status?.phase ?? 'Pending' },
    { name: 'SEQUENCE', cell: ({ status }) => text(status?.sequence) },
    { name: 'SESSIONS', cell: ({ status }) => text(status?.sessions) },
    { name: 'PROCESSES', cell: ({ status }) => processes(status?.processes) },
    { name: 'BYTES', cell: ({ status }) => (status?.bytes === undefined ? '' : bytes(status.bytes)) },
    { name: 'SNAPSHOT', cell: ({ status }) => snapshot(status?.volumeSnapshot) },
    { name: 'ARCHIVE', cell: ({ status }) => archive(status?.archive) },
    { name: 'FORKS', cell: (checkpoint) => needs.forksOf(checkpoint).join(',') },
    { name: 'AGE', cell: ({ metadata }) => age(metadata.creationTimestamp, now) },
    {
      name: 'IS',
      cell: (checkpoint) =>
        needs
          .of(checkpoint)
          .map((each) => each.text)
          .join(', '),
      wide: true,
    },
    { name: 'REASON', cell: ({ status }) => status?.reason ?? '', wide: true },
    { name: 'DIGEST', cell: ({ status }) => status?.digest ?? '', wide: true },
  ];
}

/** Those that ran when it was taken. */
function processes(of: NonNullable<AgentCheckpoint['status']>['processes']): string {
  const running = of === undefined ? 0 : of.services + of.background;
  return running === 0 ? '' : String(running);
}

function archive(of: NonNullable<AgentCheckpoint['status']>['archive']): string {
  if (of === undefined) return '';
  if (of.phase === 'InProgress') return `${of.percent ?? 0} %`;
  return of.phase === 'Completed' ? bytes(of.bytes ?? 0) : of.phase.toLowerCase();
}

function snapshot(of: NonNullable<AgentCheckpoint['status']>['volumeSnapshot']): string {
  if (of === undefined) return '';
  return of.readyToUse ? 'ready' : 'being taken';
}
