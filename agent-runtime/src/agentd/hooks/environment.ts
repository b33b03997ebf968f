// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the shell's
import { randomUUID } from 'node:crypto';
import type { ToolsClient } from '../tools/tools-client.ts';
import type { HookEvent } from './hook.ts';

/** Events whose hooks may set variables for the commands that follow. */
export type EnvironmentEvent = 'SessionStart' | 'CwdChanged';

export function setsEnvironment(event: HookEvent): event is EnvironmentEvent {
  return event === 'SessionStart' || event === 'CwdChanged';
}

export type Variables = Readonly<Record<string, string>>;

/** Characters of all variables of one hook together. Some 30,000 of a command's output are passed on whole. */
const most = 16_384;

/**
 * What is not a hook's to set: where the home and the way out are, which rules speak of and the workspace is given; and what changes how bash
 * reads a line, since rules are held against the line as it is.
 */
const notTheirs =
  /^(?:HOME|PWD|OLDPWD|SHLVL|_|BASH\w*|ENV|SHELLOPTS|IFS|PS\d|PROMPT_COMMAND|GLOBIGNORE|POSIXLY_CORRECT|(?:HTTPS?|NO|ALL)_PROXY|CLAUDE_\w+|DORMOUSE_\w+|ANTHROPIC_\w+)$/i;

/** Prints what a file of the shell sets that was not so before, each with a zero byte behind it; then the file is gone. */
const reader = [
  'declare -A _was',
  'for _name in $(compgen -e); do _was[$_name]=${!_name}; done',
  'set -a',
  '[ ! -e "$_file" ] || . "$_file" > /dev/null',
  'set +a; unset IFS',
  'rm -f "$_file"',
  'for _name in $(compgen -e); do',
  '  [ -v "_was[$_name]" ] && [ "${_was[$_name]}" = "${!_name}" ] || printf \'%s=%s\\0\' "$_name" "${!_name}"',
  'done',
].join('\n');

/** The file that a hook may write to, in the container of the tools: `CLAUDE_ENV_FILE`. It is there once something is written. */
export function environmentFile(): string {
  return `/tmp/claude-env-${randomUUID()}`;
}

/**
 * What a hook wrote to its file, as a shell understands it, without what is {@link notTheirs}. A sentence where it cannot be taken. Rejects as
 * `exec` does.
 */
export async function readEnvironment(
  file: string,
  { client, cwd, env }: { client: ToolsClient; cwd: string; env: Variables },
  signal: AbortSignal,
): Promise<Variables | string> {
  const printed = { stdout: '', stderr: '' };
  const exit = await client.exec(
    { command: reader, cwd, env: { ...env, _file: file }, timeoutMs: 10_000 },
    (text, stream) => {
      printed[stream] = (printed[stream] + text).slice(0, 2 * most);
    },
    { signal },
  );
  if (exit.timedOut) return 'what it wrote to CLAUDE_ENV_FILE does not come to an end';
  if (printed.stdout.length > most) return `it sets more than ${most} characters in CLAUDE_ENV_FILE`;
  const broken = printed.stderr.trim();
  if (broken !== '') return `what it wrote to CLAUDE_ENV_FILE is broken: ${broken.slice(0, 500)}`;
  const pairs = printed.stdout
    .split('\0')
    .map((pair): [string, string] => [
      pair.slice(0, Math.max(0, pair.indexOf('='))),
      pair.slice(pair.indexOf('=') + 1),
    ]);
  return Object.fromEntries(pairs.filter(([name]) => /^[A-Za-z]\w*$/.test(name) && !notTheirs.test(name)));
}
