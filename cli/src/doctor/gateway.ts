import { KubeError } from '@dormouse/operator/kube';
import { explain } from '../access/explain.ts';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { explainGateway, GatewayRefusal, GatewayUnreached } from '../gateway/refusal.ts';
import type { Access } from '../surroundings.ts';
import { bad, type Finding, good } from './finding.ts';

const check = 'gateway';
/** A workspace that nobody has, so that asking for it wakes none: to be told that it is not there takes the right to attach. */
const nobody = `doctor-${'x'.repeat(50)}`;

/** Whether the gateway can be reached, takes the person's token, and lets them attach in the namespace. */
export async function checkGateway(
  access: Access,
  open: () => Promise<Opened>,
  signal: AbortSignal,
): Promise<Finding> {
  const { namespace } = access;
  let where = '';
  let notes = '';
  try {
    using opened = await open();
    where = opened.where;
    notes = opened.notes.map((note) => `; ${note.replace(/\.$/, '')}`).join('');
    await opened.gateway.must(pathAt({ namespace, name: nobody }, 'agent/state'), { signal });
    throw new GatewayRefusal(404, {}, '');
  } catch (error) {
    if (error instanceof GatewayRefusal && error.status === 404)
      return good(check, `reached ${where}; you may attach in namespace ${namespace}${notes}`);
    if (error instanceof GatewayRefusal && error.status === 403) {
      const message = `you may not attach in namespace ${namespace}`;
      return bad(check, message, [
        `Ask whoever runs the cluster for it:  kubectl create rolebinding NAME --namespace ${namespace} --clusterrole dormouse-user --user YOU`,
      ]);
    }
    const { message, next } = inWords(error, access.server, where);
    return bad(check, message, next.length > 0 ? [...next] : ['Look at its log, and try again.']);
  }
}

function inWords(error: unknown, server: string, where: string): Failure {
  if (error instanceof KubeError) return explain(error, server);
  if (error instanceof GatewayRefusal || error instanceof GatewayUnreached)
    return explainGateway(error, where);
  if (error instanceof Failure && error.outcome !== 'interrupted') return error;
  throw error;
}
