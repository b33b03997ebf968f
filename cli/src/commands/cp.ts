import { ForbiddenError } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { Container } from '../copy/container.ts';
import { download } from '../copy/download.ts';
import { type Place, parsePlace } from '../copy/place.ts';
import { upload } from '../copy/upload.ts';
import { Failure } from '../failure.ts';
import { bytes } from '../output/bytes.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { holdAwake } from '../workspace/attached-until.ts';
import { awaitPhase } from '../workspace/await-phase.ts';
import { findWorkspace } from '../workspace/find.ts';
import { mustBeWakeable } from '../workspace/wakeable.ts';
import { timeoutOption, withAccess, withExamples } from './command.ts';

export function cpCommand(around: Surroundings): Command {
  const command = new Command('cp')
    .description(
      'Copy a file or folder into a workspace or out of it, by way of the API server (pods/exec). Wakes the workspace.',
    )
    .argument('<source>', 'a path, or NAME:PATH in a workspace, relative to its home')
    .argument('<target>', 'the same; a folder that is there is copied into')
    .addOption(timeoutOption())
    .action((source: string, target: string, { timeout }: { timeout: number }, self: Command) =>
      withAccess(around, self, (access) =>
        cp(around, access, parsePlace(source), parsePlace(target), timeout),
      ),
    );
  return withExamples(command, [
    ['dormouse cp ./data ada:', 'a folder into the home'],
    ['dormouse cp ada:report/final.pdf .', 'a file out of it'],
  ]);
}

async function cp(
  around: Surroundings,
  access: Access,
  source: Place,
  target: Place,
  timeout: number,
): Promise<void> {
  const { signal, clock } = around;
  const name = source.workspace ?? target.workspace;
  if (name === undefined || (source.workspace !== undefined && target.workspace !== undefined))
    throw new Failure('usage', 'one of the two, and one alone, must be in a workspace', [
      'NAME:PATH is in a workspace; a local path with a colon begins with ./',
    ]);
  await mustBeWakeable(access, name, signal);
  const found = await findWorkspace(access, name, signal);
  using held = await holdAwake(access, found, clock, signal);
  await awaitPhase(around, access, held.workspace, ['Running'], timeout);

  const container = new Container(access, name, signal);
  const shown = progress(around);
  let done = 0;
  const moved = (length: number) => {
    done += length;
    shown.say(`copying: ${bytes(done)}`);
  };
  let leftOut: string[] = [];
  try {
    if (target.workspace !== undefined) await upload(container, source.path, target.path, moved);
    else leftOut = await download(container, source.path, target.path, moved);
  } catch (error) {
    throw error instanceof ForbiddenError && error.status === 403
      ? mayNotExec(error, access.namespace)
      : error;
  } finally {
    shown.end();
  }
  if (leftOut.length > 0) {
    const some = leftOut.slice(0, 3).join(', ') + (leftOut.length > 3 ? ', …' : '');
    shown.note(`left out, because they lead elsewhere or are no files: ${leftOut.length} (${some})`);
  }
}

function mayNotExec(error: ForbiddenError, namespace: string): Failure {
  return new Failure(
    'forbidden',
    `you may not copy in namespace ${namespace}: it takes a right to run commands in pods`,
    [
      `Ask whoever runs the cluster for: get and create on pods/exec in namespace ${namespace}. The ClusterRole edit has it.`,
      'Or let the agent hand the file over:  dormouse send NAME "…"',
    ],
    { cause: error },
  );
}
