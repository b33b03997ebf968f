import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { generatedFiles } from './generated-files.ts';
import { yaml } from './yaml.ts';

/** What a reader of that version of YAML sees. */
function read(text: string, version: '1.1' | '1.2'): unknown[] {
  const documents = parseAllDocuments(text, { version });
  if (!Array.isArray(documents)) throw new Error('the text holds no document');
  for (const { errors } of documents) expect(errors).toEqual([]);
  return documents.map((document) => document.toJS());
}

/** The YAML of a file: all of it, what Helm makes of a template, or the example of a page. */
function yamlOf(path: string, content: string): string {
  if (path.endsWith('.md')) return /```yaml\n(.*?)```/s.exec(content)?.[1] ?? '';
  return content.replaceAll(/\{\{ "(\{\{|\}\})" \}\}/g, '$1').replaceAll(/^\{\{- (if .*|end) \}\}\n/gm, '');
}

const files = [...generatedFiles()]
  .map(([path, content]) => ({ path, text: yamlOf(path, content) }))
  .filter(({ text }) => text !== '');

describe('to a reader of YAML 1.1, as Helm and kubectl are, and to one of 1.2', () => {
  it.each(files)('$path says the same', ({ text }) => {
    const seen = read(text, '1.2');
    expect(seen.length).toBeGreaterThan(0);
    expect(read(text, '1.1')).toEqual(seen);
  });

  it.each([
    'On',
    'off',
    'y',
    'N',
    'yes',
    'No',
    'true',
    '~',
    '1e3',
    '0o7',
    '017',
    '1_000',
    '12:30',
    '2026-11-23',
  ])('the string %s is a string, as a value and as a name', (text) => {
    const object = { [text]: { name: text, list: [text] } };
    const written = yaml(object, 0);
    expect(read(written, '1.1')).toEqual([object]);
    expect(read(written, '1.2')).toEqual([object]);
  });
});
