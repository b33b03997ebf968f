import type { PathPattern } from '../../glob/path-pattern.ts';
import type { Access, PermissionScope } from './access.ts';
import { Effort } from './effort.ts';
import { matchesPathPattern, meetsPathPattern, resolvePath } from './path-pattern.ts';
import type { Rule } from './rule.ts';
import { bashPatterns, mayMatch } from './shell/glob.ts';

/** `Read` covers every tool that reads, `Edit` every tool that writes; a rule may also name the tool itself. */
export function namesTool(rule: Rule, access: Access): boolean {
  if (rule.tool === '*') return true;
  switch (access.kind) {
    case 'bash':
      return rule.tool === 'Bash' || rule.tool === access.tool;
    case 'read':
      return rule.tool === 'Read' || rule.tool === access.tool;
    case 'edit':
      return rule.tool === 'Edit' || rule.tool === access.tool;
    case 'agent':
      return rule.tool === 'Agent' || rule.tool === 'Task';
    case 'mcp':
      return namesMcpTool(rule.tool, access.tool);
    default:
      return rule.tool === access.tool;
  }
}

/** `mcp__server` is all of a server; so is `mcp__server__*`, and `mcp__server__get_*` those that begin so. */
function namesMcpTool(named: string, tool: string): boolean {
  if (named.endsWith('*')) return tool.startsWith(named.slice(0, -1));
  return tool === named || (!/^mcp__.+__/.test(named) && tool.startsWith(`${named}__`));
}

/** Whether a specifier speaks of this use of its tool. Not for commands: they are more than one. `widely`: in case of doubt, yes. */
export function matchesSpec(
  spec: string,
  access: Exclude<Access, { kind: 'bash' }>,
  scope: PermissionScope,
  widely: boolean,
): boolean {
  switch (access.kind) {
    case 'read':
    case 'edit':
      return matchesPath(spec, access.path, scope, widely);
    case 'skill':
      return matchesSkill(spec, access);
    case 'agent':
      return spec === access.agent;
    case 'connect':
      return spec === access.server;
    case 'fetch':
      return matchesDomain(spec, access.url);
    case 'mcp':
    case 'question':
    case 'plan':
    case 'none':
      return false;
  }
}

/** `widely`: as deny and ask rules speak of one. */
export function matchesPath(
  spec: string,
  path: string,
  { cwd, home }: PermissionScope,
  widely: boolean,
): boolean {
  const absolute = resolvePath(path, cwd, home);
  const specs = widely ? readings(spec) : [spec];
  return specs.some((each) => matchesPathPattern(each, absolute, cwd, home, widely));
}

/** Whether a deny or ask rule speaks of one of the absolute paths that patterns stand for. In case of doubt, yes. */
export function meetsPath(
  spec: string,
  paths: readonly PathPattern[],
  { cwd, home }: PermissionScope,
  effort: Effort,
): boolean {
  return paths.length > 0 && readings(spec).some((each) => meetsPathPattern(each, paths, cwd, home, effort));
}

/** A pattern without an anchor also counts from the working directory. */
function readings(spec: string): string[] {
  return /^(?:~?\/|\.\/)/.test(spec) ? [spec] : [spec, `./${spec}`];
}

/** `name` is the skill whatever it is given, `name *` the same with something behind it or nothing. */
function matchesSkill(spec: string, { skill, args }: Extract<Access, { kind: 'skill' }>): boolean {
  if (spec === skill) return true;
  const started = `${skill} ${args}`.trim().replace(/\s+/g, ' ');
  return bashPatterns(spec).some((pattern) => mayMatch(pattern, started, 0, new Effort()));
}

/** `domain:example.com` is that host alone, `domain:*.example.com` every host below it. */
function matchesDomain(spec: string, url: string): boolean {
  const domain = /^domain:(.+)$/.exec(spec)?.[1]?.trim().toLowerCase().replace(/\.$/, '');
  if (domain === undefined || !URL.canParse(url)) return false;
  const host = new URL(url).hostname.toLowerCase().replace(/\.$/, '');
  if (domain === '*') return true;
  return domain.startsWith('*.') ? host.endsWith(domain.slice(1)) : host === domain;
}
