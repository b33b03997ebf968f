import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { helmLiteral } from './generated-files.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const crd = 'crds/generated/dormouse.dev_agentworkspaces.yaml';
let copy: string;

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'dormouse-generate-'));
  cpSync(join(repository, 'crds/src'), join(copy, 'crds/src'), { recursive: true });
  cpSync(join(repository, 'crds/package.json'), join(copy, 'crds/package.json'));
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
  expect(generate().status).toBe(0);
});
afterAll(() => rmSync(copy, { recursive: true }));

function generate(...args: string[]) {
  return spawnSync(process.execPath, [join(copy, 'crds/src/generate.ts'), ...args], { encoding: 'utf8' });
}

test('what was just generated is current', () => {
  expect(generate('--check')).toMatchObject({ status: 0, stderr: '' });
});

test('a change by hand, and a file of a kind that is gone, are named with the command that mends them', () => {
  const changed = join(copy, crd);
  const original = readFileSync(changed, 'utf8');
  writeFileSync(changed, original.replace('maximum: 100', 'maximum: 200'));
  writeFileSync(join(copy, 'docs/reference/agentghost.md'), '');

  const { status, stderr } = generate('--check');
  expect(status).toBe(1);
  expect(stderr).toContain(`${crd}: stale`);
  expect(stderr).toContain('docs/reference/agentghost.md: left over');
  expect(stderr).toContain('npm run generate');
  expect(readFileSync(changed, 'utf8'), 'a check writes nothing').not.toBe(original);

  expect(generate().status).toBe(0);
  expect(readFileSync(changed, 'utf8')).toBe(original);
  expect(generate('--check').status).toBe(0);
});

test("braces in a description reach the cluster as they are, through Helm's template engine", () => {
  expect(helmLiteral('uses {{ name }} here')).toBe('uses {{ "{{" }} name {{ "}}" }} here');
  expect(helmLiteral('a map: {}')).toBe('a map: {}');
});

test('a CRD in the chart is gated, outlives the release and is otherwise the generated one', () => {
  const template = readFileSync(
    join(copy, 'charts/dormouse/templates/crds/dormouse.dev_agentworkspaces.yaml'),
    'utf8',
  );
  expect(template).toContain('{{- if .Values.crds.install }}\n---\n');
  const kept = '  annotations:\n    helm.sh/resource-policy: keep\n';
  expect(template).toContain(kept);
  const plain = template
    .replace('{{- if .Values.crds.install }}\n', '')
    .replace('{{- end }}\n', '')
    .replace(kept, '');
  expect(plain).toBe(readFileSync(join(copy, crd), 'utf8'));
});
