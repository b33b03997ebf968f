import { ForbiddenError } from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';
import type { Access } from '../surroundings.ts';
import { phaseOf } from './columns.ts';
import { findWorkspace } from './find.ts';
import { why } from './why.ts';

/**
 * Makes sure that a workspace runs, or that using it wakes it. Who may not look at workspaces is believed.
 * @throws Failure that says what keeps it asleep
 */
export async function mustBeWakeable(access: Access, name: string, signal: AbortSignal): Promise<void> {
  const { namespace } = access;
  const workspace = await findWorkspace(access, name, signal).catch((error: unknown) => {
    if (error instanceof ForbiddenError && error.status === 403) return undefined;
    throw error;
  });
  if (workspace === undefined) return;
  if (workspace.metadata.deletionTimestamp !== undefined)
    throw new Failure('refused', `workspace "${name}" is being deleted`);
  const phase = phaseOf(workspace);
  if (phase === 'Failed')
    throw new Failure('failed', `workspace "${name}" cannot run: ${why(workspace)}`, [
      `More:  dormouse describe ${name} --namespace ${namespace}`,
    ]);
  if (workspace.spec.runPolicy === 'Suspended' && phase !== 'Running')
    throw new Failure('failed', `workspace "${name}" sleeps until it is woken by hand`, [
      `Wake it:  dormouse wake ${name} --namespace ${namespace}`,
    ]);
}
