import { describe, expect, test } from 'vitest';
import { workspaceConditions } from '../conditions.ts';
import { kinds } from '../index.ts';
import { examples } from './examples.ts';
import { referenceIndex, referencePage } from './page.ts';

function page(kind: string): string {
  const found = kinds.find((candidate) => candidate.kind === kind);
  if (found === undefined) throw new Error(`no kind ${kind}`);
  return referencePage(found);
}

/** The cells of the row about a field. */
function row(kind: string, field: string): string[] {
  const line = page(kind)
    .split('\n')
    .find((candidate) => candidate.startsWith(`| \`${field}\` |`));
  return (line ?? '').split(/(?<!\\) ?\| ?/).slice(1, -1);
}

describe('the reference', () => {
  test('tells the type, the default, the bounds and the rules of a field', () => {
    expect(row('AgentWorkspace', 'spec.checkpoint.keep')).toEqual([
      '`spec.checkpoint.keep`',
      'integer',
      '`3`',
      expect.stringContaining('(1 to 100)'),
    ]);
    expect(row('AgentWorkspace', 'spec.idle.after')[3]).toContain('Rule: must be at least 5s.');
    expect(row('AgentMessage', 'spec.workspaceRef')[2]).toBe('required');
    expect(row('AgentWorkspace', 'spec.runPolicy')[1]).toBe('`Auto`, `Always`, `Suspended`');
  });

  test('goes into lists', () => {
    expect(row('AgentWorkspace', 'spec.services')[1]).toBe('list of object');
    expect(row('AgentWorkspace', 'spec.services[].port')[1]).toBe('integer');
  });

  test('tells what holds for the whole spec', () => {
    expect(page('AgentMessage')).toContain('Rule: spec is immutable');
  });

  test('gives a meaning to every reason of every condition', () => {
    const text = page('AgentWorkspace');
    for (const [type, { reasons }] of Object.entries(workspaceConditions)) {
      expect(text).toContain(`### ${type}\n`);
      for (const reason of Object.keys(reasons)) expect(text).toContain(`| \`${reason}\` |`);
    }
  });

  test('leads to the page of every kind, each with an example', () => {
    for (const { kind, singular } of kinds) {
      expect(referenceIndex(kinds)).toContain(`[${kind}](${singular}.md)`);
      expect(examples[kind]).toMatchObject({ kind });
    }
  });
});
