import type { AgentWorkspace, WorkspacePhase } from '@dormouse/crds';
import { until } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { within } from '../deadline.ts';
import { Failure } from '../failure.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { phaseOf } from './columns.ts';
import { why } from './why.ts';

/**
 * Waits until the operator has seen `workspace`, as it was written last, and it is in one of the phases.
 * @param timeout milliseconds
 * @throws Failure `timeout` with what stands in the way, `failed` where it cannot go on by itself, `notFound` where it
 * was deleted meanwhile
 */
export async function awaitPhase(
  around: Surroundings,
  { kube, namespace }: Access,
  workspace: AgentWorkspace,
  phases: readonly WorkspacePhase[],
  timeout: number,
): Promise<AgentWorkspace> {
  const { name, generation = 0 } = workspace.metadata;
  const wanted = phases.join(' or ');
  const more = [`More:  dormouse describe ${name} --namespace ${namespace}`];
  const shown = progress(around);
  let last = workspace;
  const late = () =>
    new Failure('timeout', `workspace "${name}" is ${phaseOf(last)} and not ${wanted}: ${why(last)}`, more);
  try {
    return await within(around, timeout, late, (signal) =>
      until(kube, kinds.workspaces, { namespace, name, signal, clock: around.clock }, (found) => {
        if (found === undefined) throw new Failure('notFound', `workspace "${name}" was deleted`);
        last = found;
        const phase = phaseOf(found);
        shown.say(`${name} is ${phase}`);
        if ((found.status?.observedGeneration ?? 0) < generation) return undefined;
        if (phases.some((each) => each === phase)) return found;
        if (phase === 'Failed')
          throw new Failure('failed', `workspace "${name}" cannot run: ${why(found)}`, more);
        return undefined;
      }),
    );
  } finally {
    shown.end();
  }
}
