import { describe, expect, it } from 'vitest';
import { splitFrontmatter } from './frontmatter.ts';

describe('frontmatter', () => {
  it('is YAML between two lines, and the rest is the body', async () => {
    expect(await splitFrontmatter('---\r\na: 1\r\nb: [x, y]\r\n---\r\nbody\r\n---\r\n')).toEqual({
      fields: { a: 1, b: ['x', 'y'] },
      body: 'body\n---\n',
    });
    expect(await splitFrontmatter('no\n---\na: 1\n---\n')).toEqual({
      fields: {},
      body: 'no\n---\na: 1\n---\n',
    });
    expect(await splitFrontmatter('---\n# nothing\n---\nbody')).toEqual({ fields: {}, body: 'body' });
  });

  it('takes lines that are no YAML for text, as existing files have them', async () => {
    const { fields } = await splitFrontmatter(
      '---\nargument-hint: [file] [format]\ndescription: Use when: asked\npaths: **/*.ts\ntools: [a, b]\n---\n',
    );
    expect(fields).toEqual({
      'argument-hint': '[file] [format]',
      description: 'Use when: asked',
      paths: '**/*.ts',
      tools: ['a', 'b'],
    });
  });

  it.each([
    ['---\na: 1\nb: "open\n---\nbody', 3],
    ['---\na: 1\n', 1],
    ['---\n- a\n---\nbody', 2],
  ])('that is broken is told of with its line, and the body is there: %j', async (text, line) => {
    const { fields, problem } = await splitFrontmatter(text);
    expect(fields).toEqual({});
    expect(problem).toEqual({ line: expect.any(Number), message: expect.stringMatching(/\S/) });
    expect(Math.abs((problem?.line ?? 0) - line)).toBeLessThanOrEqual(1);
  });

  it('means the same when it is read again, with another body, and broken or not', async () => {
    for (const block of ['---\na: [x]\n---\n', '---\n- a\n---\n', '---\na: "open\n---\n']) {
      const first = await splitFrontmatter(`${block}one`);
      expect(await splitFrontmatter(`${block}two`)).toEqual({ ...first, body: 'two' });
    }
  });

  it('that would stand for gigabytes does not', async () => {
    const lines = Array.from({ length: 9 }, (_, at) => `b${at + 1}: &b${at + 1} [${`*b${at},`.repeat(9)}]`);
    const { fields } = await splitFrontmatter(['---', 'b0: &b0 [x]', ...lines, '---', ''].join('\n'));
    expect(JSON.stringify(fields).length).toBeLessThan(10_000);
  });
});
