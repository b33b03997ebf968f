import { type Clock, KubeError } from '@dormouse/operator/kube';
import { explain } from '../access/explain.ts';
import type { Opened } from '../gateway/open.ts';
import type { Access } from '../surroundings.ts';
import { checkDefaultClass, checkModelSecret, findDefaultClass } from './classes.ts';
import { checkDefinitions } from './definitions.ts';
import { bad, type Finding, finding } from './finding.ts';
import { checkGateway } from './gateway.ts';
import { checkDeployment, checkLeader, findOperator } from './operator.ts';
import { checkRights } from './rights.ts';
import { checkServer } from './server.ts';
import { checkStorage } from './storage.ts';

/**
 * Looks at everything that Dormouse needs, one thing after another as they depend on each other. Where the API server
 * does not answer, or does not know who asks, that is all there is to find.
 */
export async function* examine(
  access: Access,
  clock: Pick<Clock, 'now'>,
  open: () => Promise<Opened>,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const server = await reach(access, signal);
  yield server.finding;
  if (!server.answers) return;

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
  yield await checkGateway(access, open, signal);
  yield* await finding('storage', () => checkStorage(access, signal));
  yield* await checkRights(access, signal);
}

/** Whether the API server can be asked anything at all. */
async function reach(access: Access, signal: AbortSignal): Promise<{ finding: Finding; answers: boolean }> {
  try {
    return { finding: await checkServer(access, signal), answers: true };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const { message, next } = explain(error, access.server);
    return { finding: bad('API server', message, [...next]), answers: false };
  }
}
