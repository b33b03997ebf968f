import { z } from 'zod';
import { globResult, grepResult } from '../../protocol/tools-api.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import { outputLimit } from './bash.ts';
import { type ReadingContext, type ReadingTool, succeeded } from './tool.ts';

const globInput = z.strictObject({
  pattern: z.string().min(1).max(4096).describe('For example `src/**/*.ts`.'),
  path: z
    .string()
    .max(4096)
    .optional()
    .describe('The folder to look in; the working directory unless given.'),
});

export const glob: ReadingTool<z.infer<typeof globInput>> = {
  name: 'Glob',
  description: 'Finds files by a pattern of their path; the most recently changed come first.',
  input: globInput,
  parallel: true,
  access: ({ path }, { cwd }) => ({ kind: 'read', tool: 'Glob', path: path ?? cwd }),
  summary: ({ pattern, path }) => (path === undefined ? pattern : `${pattern} in ${path}`),
  async run({ pattern, path }, context) {
    const body = { pattern, path: folder(path, context) };
    const result = await context.client.call('POST', '/files/glob', body, globResult, context);
    const paths = result.paths.filter((found) => !context.hidden(found));
    if (paths.length === 0) return succeeded('No file matches.');
    return succeeded(bounded(paths.join('\n'), result.truncated));
  },
};

const grepInput = z.strictObject({
  pattern: z.string().min(1).max(4096).describe('A regular expression.'),
  path: z.string().max(4096).optional().describe('A file or folder; the working directory unless given.'),
  glob: z.string().max(4096).optional().describe('Only files whose path matches, such as `*.ts`.'),
  type: z.string().max(64).optional().describe('Only files of this type, such as `js` or `py`.'),
  output_mode: z
    .enum(['content', 'files_with_matches', 'count'])
    .optional()
    .describe('Matching lines, paths (unless given), or a count for each file.'),
  '-i': z.boolean().optional().describe('Upper and lower case are the same.'),
  '-n': z.boolean().optional().describe('Show line numbers (with content).'),
  '-A': z.int().min(0).max(1000).optional().describe('Lines to show after each match (with content).'),
  '-B': z.int().min(0).max(1000).optional().describe('Lines to show before each match (with content).'),
  '-C': z.int().min(0).max(1000).optional().describe('Lines to show around each match (with content).'),
  multiline: z.boolean().optional().describe('The pattern may span lines.'),
  head_limit: z.int().min(1).max(100_000).optional().describe('At most this many lines of the result.'),
});

export const grep: ReadingTool<z.infer<typeof grepInput>> = {
  name: 'Grep',
  description: 'Searches the contents of files for a regular expression.',
  input: grepInput,
  parallel: true,
  access: ({ path }, { cwd }) => ({ kind: 'read', tool: 'Grep', path: path ?? cwd }),
  summary: ({ pattern, path }) => (path === undefined ? pattern : `${pattern} in ${path}`),
  async run(call, context) {
    const body = withoutUndefined({
      pattern: call.pattern,
      path: folder(call.path, context),
      glob: call.glob,
      type: call.type,
      outputMode: call.output_mode ?? 'files_with_matches',
      ignoreCase: call['-i'],
      lineNumbers: call['-n'],
      after: call['-A'],
      before: call['-B'],
      context: call['-C'],
      multiline: call.multiline,
      headLimit: call.head_limit,
    });
    const result = await context.client.call('POST', '/files/grep', body, grepResult, context);
    const lines = result.output.split('\n').filter((line) => !context.hidden(pathOf(line)));
    const output = lines.join('\n').replace(/\n+$/, '');
    return succeeded(output === '' ? 'Nothing matches.' : bounded(output, result.truncated));
  },
};

/** The path at the front of a line of output: up to `:12:`, `-12-`, `:` or the end. */
function pathOf(line: string): string {
  return /^(.+?)(?:[:-]\d+[:-]|:)/.exec(line)?.[1] ?? line;
}

function folder(path: string | undefined, context: ReadingContext): string {
  return path === undefined ? context.cwd : resolvePath(path, context.cwd, context.home);
}

function bounded(text: string, truncated: boolean): string {
  const cut = text.length > outputLimit;
  const shown = cut ? text.slice(0, text.lastIndexOf('\n', outputLimit)) : text;
  return cut || truncated ? `${shown}\n[There is more: narrow the search.]` : shown;
}

function withoutUndefined(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
