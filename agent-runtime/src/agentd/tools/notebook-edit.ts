import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { writeResult } from '../../protocol/tools-api.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import { unlessChanged } from './files.ts';
import { maxNotebookBytes, type Notebook, nameOfCell, parseNotebook } from './read/notebook.ts';
import { bytesOf } from './read/visual.ts';
import { failed, succeeded, type Tool } from './tool.ts';

const input = z.strictObject({
  notebook_path: z.string().min(1).max(4096).describe('The notebook, a file .ipynb.'),
  cell_id: z
    .string()
    .max(200)
    .optional()
    .describe('The cell, as Read names it; with insert the one before the new cell, none for the beginning.'),
  new_source: z.string().max(1_000_000).describe('What the cell is to hold; empty with delete.'),
  cell_type: z.enum(['code', 'markdown']).optional().describe('Of the cell; needed with insert.'),
  edit_mode: z.enum(['replace', 'insert', 'delete']).optional().describe('replace unless given.'),
});
type Input = z.infer<typeof input>;

export const notebookEdit: Tool<Input> = {
  name: 'NotebookEdit',
  description:
    'Changes one cell of a Jupyter notebook that was read in this session: replaces what it holds, inserts one, or deletes it.',
  input,
  parallel: false,
  access: ({ notebook_path }) => ({ kind: 'edit', tool: 'NotebookEdit', path: notebook_path }),
  summary: ({ notebook_path, edit_mode, cell_id }) =>
    `${edit_mode ?? 'replace'} ${cell_id ?? 'the first cell'} of ${notebook_path}`,
  async run(call, context) {
    const target = resolvePath(call.notebook_path, context.cwd, context.home);
    const known = context.seen.get(target);
    if (known === undefined) return failed(`Read ${target} before you change it.`);
    const file = await bytesOf(target, maxNotebookBytes, context);
    const parsed = parseNotebook(file.content.toString('utf8'));
    if (parsed === undefined) return failed(`${target} is no notebook of version 4: use Edit.`);
    const problem = change(parsed, call);
    if (problem !== undefined) return failed(problem);
    const text = `${JSON.stringify(parsed.document, null, parsed.indent)}\n`;
    const before = await context.keepBefore(target);
    const result = await unlessChanged(target, (expected) =>
      context.client.call(
        'POST',
        '/files/write',
        { path: target, content: text, ...expected },
        writeResult,
        context,
      ),
    )(known);
    if ('isError' in result) return result;
    const done = { replace: 'Replaced', insert: 'Inserted', delete: 'Deleted' }[call.edit_mode ?? 'replace'];
    return succeeded(`${done} a cell of ${target}.`, {
      seen: { path: target, hash: result.hash, before },
    });
  },
};

/** Changes the notebook. Returns what is wrong with the call otherwise. */
export function change({ document }: Notebook, call: Input): string | undefined {
  const { cells } = document;
  const { cell_id, cell_type, new_source, edit_mode: mode = 'replace' } = call;
  const at = cells.findIndex((cell, index) => nameOfCell(cell, index) === cell_id);
  if (cell_id !== undefined && at === -1) {
    const names = cells.slice(0, 50).map(nameOfCell).join(', ');
    return `The notebook has no cell ${cell_id}. There are: ${names || 'none'}.`;
  }
  if (mode === 'insert') {
    if (cell_type === undefined) return 'cell_type is needed to insert a cell: code or markdown.';
    cells.splice(at + 1, 0, freshCell(document, cell_type, new_source));
    return undefined;
  }
  const cell = cells[at];
  if (cell === undefined) return `cell_id is needed to ${mode} a cell.`;
  if (mode === 'delete') {
    cells.splice(at, 1);
    return undefined;
  }
  cell.source = linesOf(new_source);
  const type = cell_type ?? cell.cell_type;
  cell.cell_type = type;
  if (type === 'code') {
    // What the old source printed would be taken for what the new one prints.
    cell.outputs = [];
    cell.execution_count = null;
  } else {
    delete cell.outputs;
    delete cell.execution_count;
  }
  return undefined;
}

function freshCell(document: Notebook['document'], type: string, source: string): Record<string, unknown> {
  // Ids came with version 4.5, and an older notebook with them is not valid.
  const version = [document.nbformat, document.nbformat_minor].map(Number);
  const withId = (version[0] ?? 0) > 4 || (version[1] ?? 0) >= 5;
  return {
    cell_type: type,
    ...(withId && { id: randomUUID().slice(0, 8) }),
    metadata: {},
    source: linesOf(source),
    ...(type === 'code' && { outputs: [], execution_count: null }),
  };
}

/** As notebooks have it: a list of lines with their ends. */
function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}
