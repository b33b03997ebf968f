import { KubeError } from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';
import { GatewayRefusal, GatewayUnreached } from './refusal.ts';

/** Whether an error on the way to a workspace may be gone the next time: a restart, a node that went, a wake that takes long. */
export function isPassing(error: unknown): error is Error {
  if (error instanceof GatewayRefusal) return error.passing;
  if (error instanceof KubeError) return error.retryable;
  if (error instanceof Failure) return error.outcome === 'unreachable';
  return error instanceof GatewayUnreached;
}
