import { ForbiddenError, InvalidError } from '../kube/index.ts';

/** What repeating does not mend: a quota, a policy, an object that is not valid. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof InvalidError || (error instanceof ForbiddenError && !error.namespaceTerminating);
}
