import { z } from 'zod';
import { editResult, readResult, writeResult } from '../../protocol/tools-api.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import { kindOf } from './read/kind.ts';
import { maxNotebookBytes, notebookBlocks, parseNotebook } from './read/notebook.ts';
import { bytesOf, readImage, readPdf } from './read/visual.ts';
import {
  failed,
  type ReadingContext,
  type ReadingTool,
  succeeded,
  type Tool,
  type ToolContext,
  type ToolOutcome,
} from './tool.ts';
import { ToolRefused } from './tools-client.ts';

const path = z.string().min(1).max(4096);
const maxReadChars = 100_000;
const maxLineChars = 2_000;

const readInput = z.strictObject({
  file_path: path.describe('The file; absolute, or relative to the working directory.'),
  offset: z.int().min(0).optional().describe('The first line to read; 1 is the first of the file.'),
  limit: z.int().min(1).max(100_000).optional().describe('How many lines; 2000 unless given.'),
});

export const read: ReadingTool<z.infer<typeof readInput>> = {
  name: 'Read',
  description:
    'Reads a text file. Lines come numbered, as `cat -n` prints them; lines above 2000 characters are cut. Images (PNG, JPEG, ' +
    'GIF, WebP) and PDFs are shown as such, Jupyter notebooks with their cells and outputs. A file must have been read ' +
    'before Edit, Write or NotebookEdit may change it.',
  input: readInput,
  parallel: true,
  access: ({ file_path }) => ({ kind: 'read', tool: 'Read', path: file_path }),
  summary: ({ file_path }) => file_path,
  async run({ file_path, offset, limit }, context) {
    const target = resolvePath(file_path, context.cwd, context.home);
    const kind = kindOf(target);
    if (kind === 'image') return readImage(target, context);
    if (kind === 'pdf') return readPdf(target, context);
    // With a window it is read as the text that it is.
    if (kind === 'notebook' && offset === undefined && limit === undefined)
      return readNotebook(target, context);
    // The model counts lines from 1, workspaced from 0.
    const first = Math.max(1, offset ?? 1);
    const body = { path: target, offset: first - 1, limit: limit ?? 2000 };
    const result = await context.client.call('POST', '/files/read', body, readResult, context);
    const seen = { path: target, hash: result.hash };
    if (result.content === '') {
      const why =
        result.totalLines === 0 ? 'The file is empty.' : `The file has only ${result.totalLines} lines.`;
      return succeeded(why, { seen });
    }
    return succeeded(numbered(result.content, first, result.truncated, result.totalLines), { seen });
  },
};

async function readNotebook(target: string, context: ReadingContext): Promise<ToolOutcome> {
  const { content, hash } = await bytesOf(target, maxNotebookBytes, context);
  const notebook = parseNotebook(content.toString('utf8'));
  if (notebook === undefined)
    return failed(`${target} is no notebook of version 4. Read it with offset 1 to see it as text.`);
  const blocks = notebookBlocks(notebook);
  const chars = blocks.reduce(
    (sum, block) => sum + (typeof block.text === 'string' ? block.text.length : 0),
    0,
  );
  if (chars > maxReadChars)
    return failed(
      `${target} shows ${chars} characters, more than ${maxReadChars}: read it in parts with offset and limit.`,
    );
  return succeeded(`Notebook ${target}.`, { blocks, seen: { path: target, hash } });
}

function numbered(content: string, first: number, truncated: boolean, totalLines: number): string {
  const lines: string[] = [];
  let chars = 0;
  let more = truncated;
  for (const [index, line] of content.replace(/\n$/, '').split('\n').entries()) {
    const shown = line.length > maxLineChars ? `${line.slice(0, maxLineChars)}…` : line;
    chars += shown.length + 8;
    if (chars > maxReadChars) {
      more = true;
      break;
    }
    lines.push(`${String(first + index).padStart(6)}\t${shown}`);
  }
  if (more)
    lines.push(
      `[There is more: the file has ${totalLines} lines. Go on with offset ${first + lines.length}.]`,
    );
  return lines.join('\n');
}

const writeInput = z.strictObject({
  file_path: path.describe('The file; absolute, or relative to the working directory.'),
  content: z.string().max(4_000_000).describe('The whole new content.'),
});

export const write: Tool<z.infer<typeof writeInput>> = {
  name: 'Write',
  description: 'Writes a whole file. An existing one is replaced, and must have been read in this session.',
  input: writeInput,
  parallel: false,
  access: ({ file_path }) => ({ kind: 'edit', tool: 'Write', path: file_path }),
  summary: ({ file_path }) => file_path,
  async run({ file_path, content }, context) {
    const target = resolvePath(file_path, context.cwd, context.home);
    const known = context.seen.get(target);
    if (known === undefined && (await exists(target, context))) {
      return failed(`${target} exists. Read it before you replace it.`);
    }
    const before = await context.keepBefore(target);
    const result = await unlessChanged(target, (expectedHash) =>
      context.client.call(
        'POST',
        '/files/write',
        { path: target, content, ...expectedHash },
        writeResult,
        context,
      ),
    )(known);
    if ('isError' in result) return result;
    const what = result.created ? 'Created' : 'Replaced';
    return succeeded(`${what} ${target} (${result.bytes} bytes).`, {
      seen: { path: target, hash: result.hash, before },
    });
  },
};

const editInput = z.strictObject({
  file_path: path.describe('The file; absolute, or relative to the working directory.'),
  old_string: z
    .string()
    .min(1)
    .max(4_000_000)
    .describe('The text to replace, exactly as it stands in the file.'),
  new_string: z.string().max(4_000_000).describe('The text to put in its place.'),
  replace_all: z
    .boolean()
    .optional()
    .describe('Replace every occurrence; otherwise there must be exactly one.'),
});

export const edit: Tool<z.infer<typeof editInput>> = {
  name: 'Edit',
  description:
    'Replaces text in a file that was read in this session. old_string must occur exactly once, unless replace_all is true, ' +
    'and must not hold the line numbers that Read shows.',
  input: editInput,
  parallel: false,
  access: ({ file_path }) => ({ kind: 'edit', tool: 'Edit', path: file_path }),
  summary: ({ file_path }) => file_path,
  async run({ file_path, old_string, new_string, replace_all }, context) {
    if (old_string === new_string)
      return failed('old_string and new_string are the same: there is nothing to change.');
    const target = resolvePath(file_path, context.cwd, context.home);
    const known = context.seen.get(target);
    if (known === undefined) return failed(`Read ${target} before you change it.`);
    const body = {
      path: target,
      oldString: old_string,
      newString: new_string,
      replaceAll: replace_all ?? false,
    };
    const before = await context.keepBefore(target);
    const result = await unlessChanged(target, (expectedHash) =>
      context.client.call('POST', '/files/edit', { ...body, ...expectedHash }, editResult, context),
    )(known);
    if ('isError' in result) return result;
    const count = result.replacements === 1 ? 'one place' : `${result.replacements} places`;
    const snippet = result.snippet.slice(0, 4_000);
    return succeeded(`Changed ${count} in ${target}.\n${snippet}`, {
      seen: { path: target, hash: result.hash, before },
    });
  },
};

async function exists(target: string, context: ToolContext): Promise<boolean> {
  try {
    await context.client.call('POST', '/files/read', { path: target, limit: 1 }, readResult, context);
    return true;
  } catch (error) {
    if (error instanceof ToolRefused && error.code === 'not_found') return false;
    throw error;
  }
}

/** A change that is only made to the file as this session saw it; one that was removed since is written anew. */
export function unlessChanged<T>(
  target: string,
  change: (expectedHash: { expectedHash?: string }) => Promise<T>,
) {
  return async (known: string | undefined): Promise<T | ToolOutcome> => {
    try {
      return await change(known === undefined ? {} : { expectedHash: known });
    } catch (error) {
      if (!(error instanceof ToolRefused) || error.code !== 'changed') throw error;
      return failed(`${target} has changed since you read it. Read it again.`);
    }
  };
}
