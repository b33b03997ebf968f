import type { Clock } from '@dormouse/operator/kube';
import type { Access } from '../surroundings.ts';
import { checkDefaultClass, checkModelSecret, findDefaultClass } from './classes.ts';
import { checkDefinitions } from './definitions.ts';
import { type Finding, finding } from './finding.ts';
import { checkDeployment, checkLeader, findOperator } from './operator.ts';
import { checkRights } from './rights.ts';
import { checkServer } from './server.ts';
import { checkStorage } from './storage.ts';

/**
 * Looks at everything that Dormouse needs, one thing after another as they depend on each other.
 * @throws KubeError where the API server does not answer or does not know who asks
 */
export async function* examine(
  access: Access,
  clock: Pick<Clock, 'now'>,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  yield await checkServer(access, signal);
  const definitions = await finding('CRDs', () => checkDefinitions(access, signal));
  yield* definitions;

  let operatorNamespace: string | undefined;
  yield* await finding('operator', async () => {
    const operator = await findOperator(access, signal);
    const running = checkDeployment(operator);
    if (operator === undefined) return running;
    operatorNamespace = operator.metadata.namespace;
    const leading = await finding('leader', () => checkLeader(access, operator, clock.now(), signal));
    return [running, ...leading];
  });

  // Without the kinds, nothing can be asked about their objects.
  if (!definitions.some(({ result }) => result === 'bad')) {
    yield* await finding('default class', async () => {
      const found = await findDefaultClass(access, signal);
      if (found === undefined) return checkDefaultClass(found);
      const key = await finding('model key', () =>
        checkModelSecret(access, found, operatorNamespace, signal),
      );
      return [checkDefaultClass(found), ...key];
    });
  }
  yield* await finding('storage', () => checkStorage(access, signal));
  yield* await checkRights(access, signal);
}
