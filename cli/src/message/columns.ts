import type { AgentMessage } from '@dormouse/crds';
import { age } from '../output/age.ts';
import { type Column, oneLine } from '../output/table.ts';
import { whatItSays } from './says.ts';

/** Characters of a text that a table shows. */
const shortText = 48;

/** The table of messages at the instant `now`, in milliseconds. */
export function messageColumns(now: number): Column<AgentMessage>[] {
  return [
    { name: 'NAME', cell: ({ metadata }) => metadata.name },
    { name: 'SESSION', cell: ({ spec }) => spec.session },
    { name: 'PHASE', cell: ({ status }) => status?.phase ?? 'Pending' },
    { name: 'REASON', cell: ({ status }) => status?.reason ?? '' },
    { name: 'AGE', cell: ({ metadata }) => age(metadata.creationTimestamp, now) },
    { name: 'FROM', cell: ({ spec }) => spec.from ?? '', wide: true },
    { name: 'TEXT', cell: (message) => oneLine(whatItSays(message), shortText) },
    { name: 'REPLY', cell: ({ status }) => oneLine(status?.reply?.text ?? '', shortText), wide: true },
  ];
}
