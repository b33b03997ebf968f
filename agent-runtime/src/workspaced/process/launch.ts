import { stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { ToolFailure } from '../tool-failure.ts';
import { commandEnvironment } from './environment.ts';

/** What every command of this workspace starts from. */
export interface LaunchContext {
  home: string;
  declared: Readonly<Record<string, string>>;
  /** What a command is started by, so that it has no right of `workspaced` that is not meant for it. Default: nothing. */
  prefix?: readonly string[];
}

export interface Launch {
  cwd: string;
  env: Record<string, string>;
  prefix: readonly string[];
  /** The directory that was asked for and is not there any more. */
  missing?: string;
}

/**
 * Where and with which environment a command starts. A directory that an earlier command removed is replaced by the
 * home, since every later command of the session would fail otherwise.
 */
export async function prepareLaunch(
  context: LaunchContext,
  request: { cwd?: string | undefined; env?: Record<string, string> | undefined },
): Promise<Launch> {
  const env = commandEnvironment(context.home, context.declared, request.env);
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) {
      throw new ToolFailure('invalid', `${JSON.stringify(name)} cannot be an environment variable`);
    }
  }
  const { home, prefix = [] } = context;
  if (request.cwd === undefined) return { cwd: home, env, prefix };
  if (request.cwd.includes('\0')) throw new ToolFailure('invalid', 'the working directory holds a zero byte');
  const cwd = isAbsolute(request.cwd) ? request.cwd : resolve(home, request.cwd);
  const usable = await stat(cwd).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return usable ? { cwd, env, prefix } : { cwd: home, env, prefix, missing: cwd };
}
