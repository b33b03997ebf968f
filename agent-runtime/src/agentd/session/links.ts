import { posix } from 'node:path';
import { resolveResult } from '../../protocol/tools-api.ts';
import { type Access, decide, type Permission } from '../permissions/decide.ts';
import { isInside, resolvePath } from '../permissions/path-pattern.ts';
import { refusalBesidesMemory } from '../subagents/narrow.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { scopeOf } from './scope.ts';
import type { RoundContext } from './tool-round.ts';

const strictness = { allow: 0, ask: 1, deny: 2 } as const;

/**
 * What the rules say about a tool call, and about the file that it really touches where links lead elsewhere: the stricter
 * counts. A link that is changed after this look is not noticed; nor does an older `workspaced` follow any.
 */
export async function decideThroughLinks(
  access: Access,
  round: Pick<RoundContext, 'host' | 'logs' | 'signal' | 'permissions'>,
): Promise<Permission> {
  const scope = scopeOf(round);
  const said = (asked: Access): Permission => {
    const { subagent } = round.host;
    const reason = subagent && refusalBesidesMemory(subagent, asked, scope);
    return reason === undefined ? decide(asked, round.permissions, scope) : { verdict: 'deny', reason };
  };
  const named = said(access);
  if (named.verdict === 'deny' || (access.kind !== 'read' && access.kind !== 'edit')) return named;
  const path = resolvePath(access.path, scope.cwd, scope.home);
  const real = await realPath(path, round);
  if (real === path) return named;
  const behind = said({ ...access, path: real });
  return strictness[behind.verdict] > strictness[named.verdict] ? behind : named;
}

async function realPath(
  path: string,
  { host, signal }: Pick<RoundContext, 'host' | 'signal'>,
): Promise<string> {
  const { home, client } = host;
  try {
    const body = { paths: [path, home] };
    const { paths } = await client.call('POST', '/files/resolve', body, resolveResult, { signal });
    const [real = path, realHome = home] = paths;
    // The home may be reached by a link itself; rules speak of it by its name.
    return isInside(real, realHome) ? posix.join(home, posix.relative(realHome, real)) : real;
  } catch (error) {
    // The tool itself will fail, and say why.
    if (error instanceof ToolRefused || error instanceof ToolsUnavailable) return path;
    throw error;
  }
}
