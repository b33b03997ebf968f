import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRealTools } from '../../testing/real-tools.ts';
import { type Json, type RunningAgent, TestWorkspace } from '../../testing/workspace.ts';

/** One red pixel. */
const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const notebook = {
  cells: [
    { cell_type: 'markdown', id: 'intro', metadata: {}, source: ['# Title\n', 'text'] },
    {
      cell_type: 'code',
      id: 'sum',
      metadata: { kept: true },
      execution_count: 3,
      source: '1 + 1',
      outputs: [
        { output_type: 'execute_result', data: { 'text/plain': ['2'] }, execution_count: 3, metadata: {} },
        { output_type: 'display_data', data: { 'image/png': png, 'text/plain': 'a figure' }, metadata: {} },
        { output_type: 'error', ename: 'ValueError', evalue: 'no', traceback: [] },
      ],
    },
  ],
  metadata: { kernelspec: { name: 'python3' } },
  nbformat: 4,
  nbformat_minor: 5,
};

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let agent: RunningAgent;
let count = 0;
beforeEach(async () => {
  workspace = await TestWorkspace.create();
  endTools = await startRealTools(workspace, '/bin/false');
  agent = await workspace.start();
});
afterEach(async () => {
  await endTools();
  await workspace.close();
});
/** Sends the lines of a script; answers the results of its calls, and what it said at the end. */
async function ask(...lines: string[]): Promise<{ results: Json[]; said: string }> {
  const before = (await agent.transcript().catch(() => [])).length;
  count += 1;
  await agent.send(`r${count}`, lines.join('\n'));
  const { phase, message, reply } = await agent.settled(`r${count}`);
  // The strict model server refuses blocks that the API would not take.
  expect({ phase, message }).toEqual({ phase: 'Completed', message: undefined });
  const entries = (await agent.transcript()).slice(before);
  const results = entries
    .flatMap((entry) => entry.message.content)
    .filter(({ type }) => type === 'tool_result');
  return { results, said: reply?.text ?? '' };
}
const put = (path: string, content: string | Buffer) => writeFile(join(workspace.home, path), content);
const edit = (input: object) => `tool NotebookEdit ${JSON.stringify({ notebook_path: 'n.ipynb', ...input })}`;
const saved = async () => JSON.parse(await readFile(join(workspace.home, 'n.ipynb'), 'utf8'));

describe('Read', () => {
  it('shows an image, of the type that its bytes say', async () => {
    await put('a.jpg', Buffer.from(png, 'base64'));
    const { results } = await ask('read a.jpg');
    expect(results[0].content).toEqual([
      { type: 'text', text: expect.stringContaining('image/png') },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
    ]);
  });

  it('shows a PDF', async () => {
    await put('a.pdf', '%PDF-1.4\n…');
    const { results } = await ask('read a.pdf');
    expect(results[0].content[1]).toMatchObject({
      type: 'document',
      source: { media_type: 'application/pdf' },
    });
  });

  it.each([
    ['a.png', 'no image', 'is no PNG, JPEG, GIF or WebP image'],
    ['a.pdf', 'no pdf', 'is no PDF'],
    ['a.png', Buffer.alloc(3_800_000), 'more than the 3750000 that this tool takes'],
    ['a.ipynb', '{"cells": 7}', 'is no notebook of version 4'],
  ])('says what is wrong with %s', async (name, content, sentence) => {
    await put(name, content);
    const { results } = await ask(`read ${name}`);
    expect(results[0]).toMatchObject({ is_error: true, content: expect.stringContaining(sentence) });
  });

  it('shows the cells of a notebook with what they printed, and the text of it with a window', async () => {
    await put('n.ipynb', JSON.stringify(notebook, null, 2));
    const { results } = await ask('read n.ipynb', 'tool Read {"file_path":"n.ipynb","offset":1,"limit":2}');
    expect(results[0].content).toEqual([
      {
        type: 'text',
        text: '<cell id="intro" type="markdown">\n# Title\ntext\n</cell>\n<cell id="sum" type="code">\n1 + 1\n</cell>\n<output>\n2\n</output>',
      },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
      { type: 'text', text: '<output>\nValueError: no\n</output>' },
    ]);
    expect(results[1].content).toContain('1\t{\n');
  });
});

describe('NotebookEdit', () => {
  beforeEach(() => put('n.ipynb', `${JSON.stringify(notebook, null, 2)}\n`));

  it('replaces, inserts and deletes cells, and leaves the rest as it is', async () => {
    await ask(
      'read n.ipynb',
      edit({ cell_id: 'sum', new_source: '2 + 2\n3' }),
      edit({ cell_id: 'intro', new_source: 'new', cell_type: 'code', edit_mode: 'insert' }),
      edit({ new_source: 'top', cell_type: 'markdown', edit_mode: 'insert' }),
      edit({ cell_id: 'intro', new_source: '', edit_mode: 'delete' }),
    );
    const { cells, ...rest } = await saved();
    expect(cells).toMatchObject([
      { cell_type: 'markdown', source: ['top'] },
      { cell_type: 'code', source: ['new'], outputs: [], execution_count: null },
      { id: 'sum', source: ['2 + 2\n', '3'], outputs: [], metadata: { kept: true }, execution_count: null },
    ]);
    expect(new Set(cells.map((cell: Json) => cell.id)).size).toBe(3);
    const { cells: _, ...before } = notebook;
    expect(rest).toEqual(before);
    expect(await readFile(join(workspace.home, 'n.ipynb'), 'utf8')).toMatch(/^\{\n {2}"cells"/);
  });

  it('does nothing to one that was not read, or has changed, or has no such cell', async () => {
    expect((await ask(edit({ cell_id: 'sum', new_source: 'x' }))).said).toContain('before you change it');
    await ask('read n.ipynb');
    expect((await ask(edit({ cell_id: 'nothing', new_source: 'x' }))).said).toContain(
      'There are: intro, sum',
    );
    await put('n.ipynb', JSON.stringify({ ...notebook, nbformat_minor: 4 }));
    expect((await ask(edit({ cell_id: 'sum', new_source: 'x' }))).said).toContain(
      'has changed since you read it',
    );
    expect(await saved()).toMatchObject({ nbformat_minor: 4 });
  });
});
