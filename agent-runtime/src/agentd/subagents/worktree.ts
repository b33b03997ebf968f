import { posix } from 'node:path';
import type { ToolsClient } from '../tools/tools-client.ts';
import type { SubagentRecord } from './record.ts';

type Worktree = NonNullable<SubagentRecord['worktree']>;

/** Why there is no worktree, for the model. */
export class WorktreeFailure extends Error {
  override readonly name = 'WorktreeFailure';
}

/**
 * Makes a git worktree for a subagent, or finds the one it made before. It starts from the default branch as the remote has
 * it, or else from where the repository stands. It lies outside of `.claude`, where edits have to be asked for.
 */
export async function makeWorktree(
  client: ToolsClient,
  { id, cwd, home }: { id: string; cwd: string; home: string },
  signal: AbortSignal,
): Promise<Worktree> {
  const path = posix.join(home, '.worktrees', `agent-${id}`);
  const branch = `worktree-agent-${id}`;
  const script = [
    'set -e',
    'base=$(git rev-parse --verify --quiet origin/HEAD || git rev-parse --verify HEAD)',
    `[ -d ${quote(path)} ] || git worktree add --quiet -b ${quote(branch)} ${quote(path)} "$base" >&2`,
    'echo "base=$base"',
  ].join('\n');
  const { code, output } = await run(client, script, cwd, signal);
  const base = /^base=([0-9a-f]{40,64})$/m.exec(output)?.[1];
  if (code !== 0 || base === undefined)
    throw new WorktreeFailure(
      `No worktree could be made from ${cwd}: ${output.trim().slice(0, 1_000) || 'git said nothing'}`,
    );
  return { path, branch, base };
}

/** Removes a worktree that nothing was changed in. Returns where the changes are otherwise, in a sentence. */
export async function closeWorktree(
  client: ToolsClient,
  { path, branch, base }: Worktree,
  signal: AbortSignal,
): Promise<string | undefined> {
  const script = [
    `cd ${quote(path)} || exit 0`,
    `[ -z "$(git status --porcelain)" ] && [ "$(git rev-parse HEAD)" = ${quote(base)} ] || exit 3`,
    'main=$(git rev-parse --path-format=absolute --git-common-dir)',
    'cd /',
    `git --git-dir="$main" worktree remove ${quote(path)} && git --git-dir="$main" branch --quiet -D ${quote(branch)}`,
  ].join('\n');
  const { code } = await run(client, script, '/', signal);
  return code === 0 ? undefined : `Its changes are in the worktree ${path}, on the branch ${branch}.`;
}

async function run(
  client: ToolsClient,
  command: string,
  cwd: string,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string }> {
  let output = '';
  const exit = await client.exec(
    { command, cwd, timeoutMs: 60_000 },
    (text) => {
      output = (output + text).slice(-8_000);
    },
    { signal },
  );
  return { code: exit.code, output };
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
