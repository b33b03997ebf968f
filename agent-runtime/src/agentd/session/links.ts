import { posix } from 'node:path';
import { resolveResult } from '../../protocol/tools-api.ts';
import { type FileAccess, namedFiles } from '../permissions/command.ts';
import { type Access, decide, decideByRule, hasFileRules, type Permission } from '../permissions/decide.ts';
import { isInside, resolvePath } from '../permissions/path-pattern.ts';
import { refusalBesidesMemory } from '../subagents/narrow.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { scopeOf } from './scope.ts';
import type { RoundContext } from './tool-round.ts';

const strictness = { allow: 0, ask: 1, deny: 2 } as const;

/** So many paths are resolved at once, and so many of a command: one that names more is refused where rules are about files. */
const [mostAtOnce, mostOfCommand] = [7, 490];

/**
 * What the rules say about a tool call, and about the files that it really touches where links lead elsewhere: the stricter
 * counts. Of a command these are the files that it plainly names, and rules for files. A link that is changed after this look is not noticed;
 * nor does an older `workspaced` follow any.
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
  if (named.verdict === 'deny') return named;
  if (access.kind === 'bash') {
    if (!hasFileRules(round.permissions)) return named;
    const files = namedFiles(access.command, scope);
    if (new Set(files.map(({ path }) => path)).size > mostOfCommand) return tooMany;
    const behind = await behindLinks(files, round);
    return strictest(
      named,
      behind.flatMap((file) => decideByRule(file, round.permissions, scope) ?? []),
    );
  }
  if (access.kind !== 'read' && access.kind !== 'edit') return named;
  const path = resolvePath(access.path, scope.cwd, scope.home);
  return strictest(named, (await behindLinks([{ ...access, path }], round)).map(said));
}

const tooMany: Permission = {
  verdict: 'deny',
  reason: `the command names more than ${mostOfCommand} files, and rules of this workspace are about files: name fewer at a time`,
};

function strictest(first: Permission, others: readonly Permission[]): Permission {
  return others.reduce(
    (strict, other) => (strictness[other.verdict] > strictness[strict.verdict] ? other : strict),
    first,
  );
}

/** The same with the paths that links lead to, of those that are reached by links. */
async function behindLinks(
  files: readonly FileAccess[],
  round: Pick<RoundContext, 'host' | 'signal'>,
): Promise<FileAccess[]> {
  const paths = [...new Set(files.map(({ path }) => path))];
  const groups = Array.from({ length: Math.ceil(paths.length / mostAtOnce) }, (_, at) =>
    realPaths(paths.slice(at * mostAtOnce, (at + 1) * mostAtOnce), round),
  );
  const real = new Map((await Promise.all(groups)).flat());
  return files.flatMap((file) => {
    const path = real.get(file.path) ?? file.path;
    return path === file.path ? [] : { ...file, path };
  });
}

/** Pairs of a path and where it leads. */
async function realPaths(
  paths: readonly string[],
  round: Pick<RoundContext, 'host' | 'signal'>,
): Promise<[string, string][]> {
  const { signal } = round;
  const { home, client } = round.host;
  try {
    const body = { paths: [home, ...paths] };
    const resolved = await client.call('POST', '/files/resolve', body, resolveResult, { signal });
    const [realHome = home, ...real] = resolved.paths;
    // The home may be reached by a link itself; rules speak of it by its name.
    const spoken = (path: string) =>
      isInside(path, realHome) ? posix.join(home, posix.relative(realHome, path)) : path;
    return paths.map((path, at) => [path, spoken(real[at] ?? path)]);
  } catch (error) {
    // One that cannot be resolved, such as a folder below a file, hides nothing of the others.
    if (error instanceof ToolRefused && paths.length > 1)
      return (await Promise.all(paths.map((path) => realPaths([path], round)))).flat();
    // What opens it will fail, and say why.
    if (error instanceof ToolRefused || error instanceof ToolsUnavailable) return [];
    throw error;
  }
}
