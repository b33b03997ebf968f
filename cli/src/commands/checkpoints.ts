import type { AgentCheckpoint } from '@dormouse/crds';
import { Command } from 'commander';
import { kinds } from '../cluster/resources.ts';
import { age } from '../output/age.ts';
import { bytes } from '../output/bytes.ts';
import { formatList, type ListFormat, listFormats } from '../output/format.ts';
import type { Column } from '../output/table.ts';
import type { Surroundings } from '../surroundings.ts';
import { findWorkspace, ofWorkspace } from '../workspace/find.ts';
import { formatOption, withAccess, withExamples } from './command.ts';

export function checkpointsCommand(around: Surroundings): Command {
  const command = new Command('checkpoints')
    .description('List the checkpoints of a workspace, the newest last.')
    .argument('<name>', 'the workspace')
    .addOption(formatOption(listFormats))
    .action((name: string, { output }: { output?: ListFormat }, self: Command) =>
      withAccess(around, self, async (access) => {
        const { kube, namespace } = access;
        const { signal } = around;
        await findWorkspace(access, name, signal);
        const all = ofWorkspace((await kube.list(kinds.checkpoints, { namespace, signal })).items, name);
        if (all.length === 0 && (output === undefined || output === 'wide')) {
          around.err(
            `There are no checkpoints of "${name}": one is taken before each sleep, and by hand:  dormouse checkpoint ${name}\n`,
          );
          return;
        }
        around.out(formatList(kinds.checkpoints, all, output, checkpointColumns(around.clock.now())));
      }),
    );
  return withExamples(command, [['dormouse checkpoints ada -o wide', 'with the digests of their manifests']]);
}

/** The table of checkpoints at the instant `now`, in milliseconds. */
export function checkpointColumns(now: number): Column<AgentCheckpoint>[] {
  const text = (value: number | undefined) => (value === undefined ? '' : String(value));
  return [
    { name: 'NAME', cell: ({ metadata }) => metadata.name },
    { name: 'TRIGGER', cell: ({ spec }) => spec.trigger },
    { name: 'PHASE', cell: ({ status }) => status?.phase ?? 'Pending' },
    { name: 'SEQUENCE', cell: ({ status }) => text(status?.sequence) },
    { name: 'SESSIONS', cell: ({ status }) => text(status?.sessions) },
    { name: 'BYTES', cell: ({ status }) => (status?.bytes === undefined ? '' : bytes(status.bytes)) },
    { name: 'SNAPSHOT', cell: ({ status }) => snapshot(status?.volumeSnapshot) },
    { name: 'ARCHIVE', cell: ({ status }) => archive(status?.archive) },
    { name: 'AGE', cell: ({ metadata }) => age(metadata.creationTimestamp, now) },
    { name: 'REASON', cell: ({ status }) => status?.reason ?? '', wide: true },
    { name: 'DIGEST', cell: ({ status }) => status?.digest ?? '', wide: true },
  ];
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
