import { ConflictError, ForbiddenError, InvalidError, NotFoundError } from '../kube/index.ts';

/** What repeating does not mend: a quota, a policy, an object that is not valid. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof InvalidError || (error instanceof ForbiddenError && !error.namespaceTerminating);
}

/** The name is free, or taken by an object that came later. */
export function isGone(error: unknown): boolean {
  return error instanceof NotFoundError || error instanceof ConflictError;
}
