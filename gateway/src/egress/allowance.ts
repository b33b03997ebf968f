import type { AgentWorkspaceClass } from '@dormouse/crds';
import type { Destination } from './destination.ts';

/** What a class lets its workspaces reach. */
export type Allowance = NonNullable<AgentWorkspaceClass['spec']['egress']['allow']>[number];

/**
 * Whether one of the entries covers the destination. `*.example.com` covers every name below example.com and not that name
 * itself; `*` covers everything; an IP address is covered by itself and by `*` alone.
 */
export function isAllowed(to: Destination, allow: readonly Allowance[] | undefined): boolean {
  return allow?.some(({ host, ports }) => ports.includes(to.port) && covers(host, to)) ?? false;
}

function covers(pattern: string, { host, literal }: Destination): boolean {
  if (pattern === '*' || pattern === host) return true;
  return !literal && pattern.startsWith('*.') && host.endsWith(pattern.slice(1));
}
