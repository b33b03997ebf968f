import {
  AlreadyExistsError,
  type Desired,
  type KubeObject,
  type Resource,
  TransportError,
} from '@dormouse/operator/kube';
import type { Access } from '../surroundings.ts';

/** Names that are tried before it is given up. */
const attempts = 4;

/**
 * Creates an object under a name that `state` makes up, another one where that is taken. The name is ours and not the
 * server's, so that a request whose answer was lost can be sent again: it never makes a second object.
 */
export async function createNamed<T extends KubeObject>(
  { kube }: Pick<Access, 'kube'>,
  of: Resource<T>,
  state: () => Desired<T>,
  signal: AbortSignal,
): Promise<T> {
  let object = state();
  let isLost = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await kube.create(of, object, { signal });
    } catch (error) {
      if (error instanceof AlreadyExistsError && isLost) return kube.get(of, object.metadata, { signal });
      if (attempt === attempts) throw error;
      if (error instanceof AlreadyExistsError) object = state();
      else if (error instanceof TransportError && !isRefused(error)) isLost = true;
      else throw error;
    }
  }
}

/** Nobody listens there: nothing was carried out, and nothing will be. */
function isRefused(error: TransportError): boolean {
  return (error.cause as { code?: string } | undefined)?.code === 'ECONNREFUSED';
}
