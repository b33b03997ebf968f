import type { ConditionMeaning } from '../conditions.ts';
import { archiveReasons, checkpointReasons, messageReasons, workspaceConditions } from '../conditions.ts';
import { rootSchema } from '../definition/custom-resource-definition.ts';
import { apiVersion, type KindDefinition } from '../resource.ts';
import { example } from './examples.ts';
import { fields } from './fields.ts';
import { table } from './table.ts';

const notice = '<!-- Generated from crds/src by `npm run generate`. Do not edit. -->\n';

/** The page of one kind. */
export function referencePage(kind: KindDefinition): string {
  const { spec, status } = rootSchema(kind).properties ?? {};
  const sections = [
    `${notice}\n# ${kind.kind}`,
    kind.description,
    facts(kind),
    `## Example\n\n\`\`\`yaml\n${example(kind.kind)}\`\`\``,
    rulesOfRoot(kind),
    spec === undefined ? '' : `## Spec\n\n${fields(spec, 'spec')}`,
    status === undefined ? '' : `## Status\n\nNothing to write by hand.\n\n${fields(status, 'status')}`,
    reasons(kind.kind),
    `## Columns of \`kubectl get\`\n\n${columns(kind)}`,
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

/** The page that leads to the others. */
export function referenceIndex(kinds: KindDefinition[]): string {
  const rows = kinds.map((kind) => [
    `[${kind.kind}](${kind.singular}.md)`,
    `\`${kind.shortNames}\``,
    kind.description,
  ]);
  const text = [
    `${notice}\n# Reference`,
    `The kinds of \`${apiVersion}\`. \`kubectl get dormouse\` lists all of them in a namespace, \`kubectl explain\` shows the same descriptions as these pages.`,
    table(['Kind', 'Short', ''], rows),
    'The command line has [a page of its own](cli.md).',
    'Durations are sums of numbers with units (`8s`, `15m`, `1h30m`), sizes are Kubernetes quantities (`500Mi`, `2Gi`).',
  ];
  return `${text.join('\n\n')}\n`;
}

function facts(kind: KindDefinition): string {
  const names = [kind.plural, kind.singular, ...kind.shortNames].map((name) => `\`${name}\``).join(', ');
  const selectable = kind.selectableFields?.map((path) => `\`${path.slice(1)}\``).join(', ');
  return table(
    ['', ''],
    [
      ['API version', `\`${apiVersion}\``],
      ['Names', names],
      ['Scope', kind.scope === 'Cluster' ? 'the cluster' : 'a namespace'],
      ...(selectable === undefined ? [] : [['Field selectors', selectable]]),
    ],
  );
}

function rulesOfRoot(kind: KindDefinition): string {
  const sentences = kind.rules.map(({ message }) => `- ${message}`);
  return sentences.length === 0 ? '' : `## Name\n\n${sentences.join('\n')}`;
}

function columns(kind: KindDefinition): string {
  const rows = kind.columns.map((column) => [
    column.name,
    `\`${column.jsonPath}\``,
    column.priority === undefined ? 'always' : 'with `-o wide`',
  ]);
  return table(['Column', 'From', 'Shown'], rows);
}

function reasons(kind: string): string {
  if (kind === 'AgentWorkspace') return conditionTables();
  if (kind === 'AgentMessage') return reasonTable(messageReasons);
  if (kind === 'AgentCheckpoint')
    return [
      reasonTable(checkpointReasons),
      reasonTable(archiveReasons, 'archive.reason', 'Reasons of archives'),
    ].join('\n\n');
  return '';
}

function conditionTables(): string {
  const all: [string, ConditionMeaning][] = Object.entries(workspaceConditions);
  const parts = all.map(([type, condition]) => {
    const rows = Object.entries(condition.reasons).map(([reason, { status, meaning }]) => [
      `\`${reason}\``,
      status,
      meaning,
    ]);
    return `### ${type}\n\n${condition.meaning}\n\n${table(['Reason', 'Status', 'Meaning'], rows)}`;
  });
  return ['## Conditions', ...parts].join('\n\n');
}

function reasonTable(
  words: Record<string, { phase: string; meaning: string }>,
  field = 'reason',
  title = 'Reasons',
): string {
  const rows = Object.entries(words).map(([reason, { phase, meaning }]) => [`\`${reason}\``, phase, meaning]);
  return `## ${title}\n\nWords of \`status.${field}\`, with the phase they go with.\n\n${table(['Reason', 'Phase', 'Meaning'], rows)}`;
}
