import type { AgentWorkspace } from '@dormouse/crds';
import { age } from '../output/age.ts';
import type { Column } from '../output/table.ts';

/** The table of workspaces at the instant `now`, in milliseconds; with their namespaces where several are shown. */
export function workspaceColumns(now: number, allNamespaces: boolean): Column<AgentWorkspace>[] {
  const all: Column<AgentWorkspace>[] = [
    { name: 'NAME', cell: ({ metadata }) => metadata.name },
    { name: 'PHASE', cell: phaseOf },
    { name: 'IDLE', cell: ({ status }) => age(status?.suspendedSince ?? status?.idleSince, now) },
    { name: 'CHECKPOINT', cell: ({ status }) => String(status?.checkpoint?.sequence ?? '') },
    { name: 'MESSAGES', cell: openMessages },
    { name: 'CLASS', cell: ({ status }) => status?.className ?? '', wide: true },
    { name: 'REASON', cell: readyReason, wide: true },
    { name: 'AGE', cell: ({ metadata }) => age(metadata.creationTimestamp, now) },
  ];
  const namespace = { name: 'NAMESPACE', cell: ({ metadata }: AgentWorkspace) => metadata.namespace ?? '' };
  return allNamespaces ? [namespace, ...all] : all;
}

/** The phase; `Pending` where the operator has not seen the workspace yet. */
export function phaseOf({ metadata, status }: AgentWorkspace): string {
  return metadata.deletionTimestamp !== undefined ? 'Terminating' : (status?.phase ?? 'Pending');
}

function openMessages({ status }: AgentWorkspace): string {
  const { pending = 0, working = 0 } = status?.messages ?? {};
  const parts = [working > 0 ? `${working} working` : '', pending > 0 ? `${pending} waiting` : ''];
  return parts.filter(Boolean).join(', ');
}

function readyReason({ status }: AgentWorkspace): string {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.reason ?? '';
}
