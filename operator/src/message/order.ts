import type { AgentMessage } from '@dormouse/crds';

/**
 * What orders messages that were created in the same second: the resourceVersion at which the operator first saw each,
 * which is that of its creation. A write of the status changes the resourceVersion, so the first one also writes the old
 * one down, as `status.arrival`.
 */
export function arrivalOf(message: AgentMessage): string {
  return message.status?.arrival ?? message.metadata.resourceVersion ?? '';
}

/** The order in which the API server made them. Names decide between messages that tell nothing else apart. */
export function byCreation(a: AgentMessage, b: AgentMessage): number {
  return (
    compare(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compareVersions(arrivalOf(a), arrivalOf(b)) ||
    compare(a.metadata.name, b.metadata.name)
  );
}

/** Resource versions are decimal numbers of any length. */
function compareVersions(a: string, b: string): number {
  return a.length - b.length || compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
