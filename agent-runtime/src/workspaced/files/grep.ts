import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import type { grepRequest, grepResult } from '../../protocol/tools-api.ts';
import { Pump } from '../output/pump.ts';
import { type PipedSession, Session } from '../process/session.ts';
import { systemErrorCode, ToolFailure } from '../tool-failure.ts';
import type { Confinement } from './confinement.ts';

export type GrepRequest = z.infer<typeof grepRequest>;

export interface GrepContext {
  confinement: Confinement;
  /** The ripgrep program. */
  program: string;
  env: Record<string, string>;
}

/** Bytes of output, the length of a shown line, and how long a search may take (ms). */
const limits = { bytes: 1024 * 1024, errorBytes: 4096, columns: 500, ms: 20_000 };

/** ripgrep's arguments for a request: no shell, no configuration file, nothing that could be taken for an option. */
export function ripgrepArguments(request: GrepRequest, target: string): string[] {
  const args = ['--no-config', '--color=never', '--no-heading', '--with-filename', '--hidden'];
  if (request.outputMode === 'files_with_matches') args.push('--files-with-matches');
  else if (request.outputMode === 'count') args.push('--count');
  else {
    args.push(`--max-columns=${limits.columns}`, '--max-columns-preview');
    args.push(request.lineNumbers === false ? '--no-line-number' : '--line-number');
    if (request.context !== undefined) args.push(`--context=${request.context}`);
    if (request.before !== undefined) args.push(`--before-context=${request.before}`);
    if (request.after !== undefined) args.push(`--after-context=${request.after}`);
  }
  if (request.ignoreCase) args.push('--ignore-case');
  if (request.multiline) args.push('--multiline', '--multiline-dotall');
  if (request.type !== undefined) args.push(`--type=${request.type}`);
  if (request.glob !== undefined) args.push(`--glob=${request.glob}`);
  if (!target.split('/').includes('.git')) args.push('--glob=!**/.git/**');
  args.push(`--regexp=${request.pattern}`, '--', target);
  return args;
}

/**
 * Searches with ripgrep; ignore files are respected. Files are returned the most recently changed first, everything else in
 * ripgrep's order. A search that is too slow or finds too much returns what it has, marked as truncated.
 */
export async function searchFiles(
  request: GrepRequest,
  context: GrepContext,
  abandoned: AbortSignal,
): Promise<z.infer<typeof grepResult>> {
  const { pattern, glob = '', type = '' } = request;
  if ([pattern, glob, type].some((text) => text.includes('\0'))) {
    throw new ToolFailure('invalid', 'the search holds a zero byte');
  }
  const target = await context.confinement.forReading(request.path ?? '~');
  const found = await run(context, ripgrepArguments(request, target), await folderOf(target), abandoned);
  if (found.code === 2 && found.output === '') {
    throw new ToolFailure('invalid', found.errors.trim() || 'ripgrep failed');
  }
  let lines = found.output.split('\n').filter((line, index, all) => index < all.length - 1 || line !== '');
  if (found.cut) lines.pop();
  if (request.outputMode === 'files_with_matches') lines = await newestFirst(lines);
  const limit = request.headLimit ?? Number.POSITIVE_INFINITY;
  return { output: lines.slice(0, limit).join('\n'), truncated: found.cut || lines.length > limit };
}

async function folderOf(target: string): Promise<string> {
  try {
    return (await stat(target)).isDirectory() ? target : dirname(target);
  } catch (error) {
    throw new ToolFailure('not_found', `${target} does not exist`, { cause: error });
  }
}

async function run(context: GrepContext, args: string[], cwd: string, abandoned: AbortSignal) {
  const session = await start(context, args, cwd);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  let bytes = 0;
  let cut = false;
  let ending: Promise<void> | undefined;
  const end = () => {
    cut = true;
    ending ??= session.terminate(0);
  };
  const pumps = [
    new Pump(session.stdout, async (chunk) => {
      if (bytes + chunk.length > limits.bytes) end();
      output.push(chunk.subarray(0, Math.max(0, limits.bytes - bytes)));
      bytes += chunk.length;
    }),
    new Pump(session.stderr, async (chunk) => {
      if (errors.length < 4) errors.push(chunk.subarray(0, limits.errorBytes));
    }),
  ];
  const timer = setTimeout(end, limits.ms);
  abandoned.addEventListener('abort', end);
  if (abandoned.aborted) end();
  try {
    const { code } = await session.exited;
    await ending;
    await Promise.all(pumps.map((pump) => pump.processEnded()));
    return { code, cut, output: text(output), errors: text(errors) };
  } finally {
    clearTimeout(timer);
    abandoned.removeEventListener('abort', end);
  }
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

async function start(context: GrepContext, args: string[], cwd: string): Promise<PipedSession> {
  try {
    return await Session.start({ file: context.program, args, cwd, env: context.env });
  } catch (error) {
    if (systemErrorCode(error) === 'E2BIG') {
      throw new ToolFailure('too_large', 'the pattern is too long', { cause: error });
    }
    throw new ToolFailure(
      'io',
      `Grep needs ripgrep, and ${context.program} cannot be started: install the package ripgrep in the image, or search with Bash`,
      { cause: error },
    );
  }
}

async function newestFirst(paths: readonly string[]): Promise<string[]> {
  const times = await Promise.all(
    // A file that went away meanwhile still matched: it is listed last.
    paths.map(async (path) => ({
      path,
      at: await stat(path).then(
        (stats) => stats.mtimeMs,
        () => 0,
      ),
    })),
  );
  return times.toSorted((a, b) => b.at - a.at || (a.path < b.path ? -1 : 1)).map((file) => file.path);
}
