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

/** Characters of all variables of one hook. Some 30,000 of a command's output are passed on whole. */
const most = 16_384;

/**
 * What is not a hook's to set: where the home and the way out are, and what the platform gives; and what changes how bash reads a line or
 * where it looks for a folder, since rules are held against the line as it is.
 */
const notTheirs =
  /^(?:HOME|PWD|OLDPWD|CDPATH|SHLVL|_|_dm\w+|BASH\w*|ENV|SHELLOPTS|EXECIGNORE|IFS|PS\d|PROMPT_COMMAND|GLOBIGNORE|POSIXLY_CORRECT|CLAUDE_\w+|DORMOUSE_\w+|ANTHROPIC_\w+)$/;
const proxies = /^(?:https?|no|all)_proxy$/i;

const end = 'end';

/**
 * Prints what a file of the shell sets that was not so before, each with a zero byte behind it, whatever else the file does; then the file is
 * gone.
 */
const reader = [
  'declare -A _dm_was',
  'for _dm_name in $(compgen -e); do _dm_was[$_dm_name]=${!_dm_name}; done',
  'exec 201>&1 > /dev/null',
  '_dm_tell() {',
  '  set +aeu; unset IFS',
  '  for _dm_name in $(compgen -e); do',
  '    [ -v "_dm_was[$_dm_name]" ] && [ "${_dm_was[$_dm_name]}" = "${!_dm_name}" ] ||',
  '      printf \'%s=%s\\0\' "$_dm_name" "${!_dm_name}" >&201',
  '  done',
  `  printf '${end}' >&201`,
  '  PATH=/usr/bin:/bin rm -f "$_dm_file"',
  '}',
  'trap _dm_tell EXIT',
  'set -a',
  '[ ! -e "$_dm_file" ] || . "$_dm_file"',
].join('\n');

/** The file that a hook may write to, in the container of the tools: `CLAUDE_ENV_FILE`. It is there once something is written. */
export function environmentFile(): string {
  return `/tmp/claude-env-${randomUUID()}`;
}

/**
 * What a hook wrote to its file, as a shell with the variables `env` understands it, without what is {@link notTheirs}. A sentence where it
 * cannot be taken. Rejects as `exec` does.
 */
export async function readEnvironment(
  file: string,
  { client, cwd, env }: { client: ToolsClient; cwd: string; env: Variables },
  signal: AbortSignal,
): Promise<Variables | string> {
  const printed = { stdout: '', stderr: '' };
  const exit = await client.exec(
    { command: reader, cwd, env: { ...env, _dm_file: file }, timeoutMs: 10_000 },
    (text, stream) => {
      printed[stream] = (printed[stream] + text).slice(0, 2 * most);
    },
    { signal },
  );
  const { stdout, stderr } = printed;
  if (exit.timedOut) return 'what it wrote to CLAUDE_ENV_FILE does not come to an end';
  if (stdout.length > most) return `it sets more than ${most} characters in CLAUDE_ENV_FILE`;
  const isWhole = stdout === end || stdout.endsWith(`\0${end}`);
  // A word on its standard error alone is no harm.
  if (!isWhole || (stdout === end && stderr.trim() !== ''))
    return `what it wrote to CLAUDE_ENV_FILE is broken: ${stderr.trim().slice(0, 500)}`;
  const pairs = stdout
    .split('\0')
    .slice(0, -1)
    .map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
  return Object.fromEntries(
    pairs.filter(([name]) => /^\w+$/.test(name) && !notTheirs.test(name) && !proxies.test(name)),
  );
}
