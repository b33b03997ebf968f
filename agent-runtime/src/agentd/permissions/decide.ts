import type { RuntimeConfig } from '../../protocol/config.ts';
import { matchesBashPattern } from './bash-pattern.ts';
import { isInside, matchesPathPattern, resolvePath } from './path-pattern.ts';
import { parseRules, type Rule } from './rule.ts';
import { parseShellCommand } from './shell-command.ts';

/** What a tool call would do, as far as permissions are concerned. `none`: nothing outside the session itself. */
export type Access =
  | { kind: 'bash'; command: string }
  | { kind: 'read'; tool: string; path: string }
  | { kind: 'edit'; tool: string; path: string }
  | { kind: 'skill'; tool: 'Skill'; skill: string; args: string }
  | { kind: 'agent'; tool: 'Agent'; agent: string }
  | { kind: 'fetch'; tool: 'WebFetch'; domain: string }
  | { kind: 'none'; tool: string };

export type Permission = { verdict: 'allow' } | { verdict: 'ask' } | { verdict: 'deny'; reason: string };

export interface PermissionScope {
  cwd: string;
  home: string;
  /** Folders beside the home that may be read unasked: output of background tasks, transcripts. */
  readable: readonly string[];
}

/**
 * What the rules and the mode say about one tool call. A deny rule that matches any part wins over everything. Allow rules
 * must cover every part of a compound command. What neither list settles is settled by the mode: `default` asks for all but
 * reading, `acceptEdits` also edits inside the home but in `.claude`, `bypassPermissions` asks for nothing.
 */
export function decide(
  access: Access,
  permissions: RuntimeConfig['permissions'],
  scope: PermissionScope,
): Permission {
  const denied = parseRules(permissions.deny, 'matches-all').find((rule) => denies(rule, access, scope));
  if (denied !== undefined) return { verdict: 'deny', reason: `the rule ${denied.text} forbids it` };
  // A skill is text, and so is a subagent's task; what it leads to is decided on when it comes.
  if (['none', 'skill', 'agent'].includes(access.kind) || permissions.mode === 'bypassPermissions')
    return { verdict: 'allow' };
  if (allows(parseRules(permissions.allow, 'matches-none'), access, scope)) return { verdict: 'allow' };
  return allowedByMode(access, permissions.mode, scope) ? { verdict: 'allow' } : { verdict: 'ask' };
}

/** Whether an allow rule names this use of a tool, whatever the mode lets through besides. */
export function isAllowedByRule(
  access: Access,
  permissions: RuntimeConfig['permissions'],
  scope: PermissionScope,
): boolean {
  return allows(parseRules(permissions.allow, 'matches-none'), access, scope);
}

/** Whether a deny rule keeps a path from being read, for results that list files. */
export function isReadDenied(path: string, deny: readonly string[], scope: PermissionScope): boolean {
  const access: Access = { kind: 'read', tool: 'Read', path };
  return parseRules(deny, 'matches-all').some((rule) => denies(rule, access, scope));
}

function denies(rule: Rule, access: Access, scope: PermissionScope): boolean {
  if (!speaksOf(rule, access)) return false;
  if (rule.spec === undefined) return true;
  const spec = rule.spec;
  if (access.kind === 'bash') {
    const { fragments, unreadable } = parseShellCommand(access.command);
    return unreadable || fragments.some((fragment) => matchesBashPattern(spec, fragment));
  }
  if (access.kind === 'skill') return matchesSkill(spec, access);
  if (access.kind === 'agent') return spec === access.agent;
  if (access.kind === 'fetch') return matchesDomain(spec, access.domain);
  return access.kind !== 'none' && matchesPath(spec, access.path, scope);
}

function allows(rules: readonly Rule[], access: Access, scope: PermissionScope): boolean {
  const relevant = rules.filter((rule) => speaksOf(rule, access));
  if (relevant.some((rule) => rule.spec === undefined)) return true;
  if (access.kind === 'bash') {
    const { parts, opaque } = parseShellCommand(access.command);
    if (opaque || parts.length === 0) return false;
    return parts.every((part) => relevant.some((rule) => matchesBashPattern(rule.spec ?? '', part)));
  }
  if (access.kind === 'skill') return relevant.some((rule) => matchesSkill(rule.spec ?? '', access));
  if (access.kind === 'agent') return relevant.some((rule) => rule.spec === access.agent);
  if (access.kind === 'fetch') return relevant.some((rule) => matchesDomain(rule.spec ?? '', access.domain));
  return access.kind !== 'none' && relevant.some((rule) => matchesPath(rule.spec ?? '', access.path, scope));
}

function allowedByMode(access: Access, mode: 'default' | 'acceptEdits', scope: PermissionScope): boolean {
  if (access.kind === 'read') {
    const path = resolvePath(access.path, scope.cwd, scope.home);
    return [scope.home, ...scope.readable].some((folder) => isInside(path, folder));
  }
  if (access.kind === 'edit') {
    const path = resolvePath(access.path, scope.cwd, scope.home);
    // What lies there can grant tools to whoever starts it.
    return mode === 'acceptEdits' && isInside(path, scope.home) && !path.split('/').includes('.claude');
  }
  return false;
}

/** `Read` covers every tool that reads, `Edit` every tool that writes; a rule may also name the tool itself. */
function speaksOf(rule: Rule, access: Access): boolean {
  if (rule.tool === '*') return true;
  if (access.kind === 'bash') return rule.tool === 'Bash';
  if (access.kind === 'read') return rule.tool === 'Read' || rule.tool === access.tool;
  if (access.kind === 'edit') return rule.tool === 'Edit' || rule.tool === access.tool;
  return rule.tool === access.tool || (access.kind === 'agent' && rule.tool === 'Task');
}

/** `name` is the skill whatever it is given, `name *` the same with something behind it or nothing. */
function matchesSkill(spec: string, { skill, args }: Extract<Access, { kind: 'skill' }>): boolean {
  return spec === skill || matchesBashPattern(spec, `${skill} ${args}`.trim());
}

/** `domain:example.com` is that host alone, `domain:*.example.com` every one below it. */
function matchesDomain(spec: string, domain: string): boolean {
  const wanted = /^domain:\s*(\S+)$/.exec(spec)?.[1]?.toLowerCase().replace(/\.$/, '');
  const host = domain.toLowerCase().replace(/\.$/, '');
  return wanted?.startsWith('*.') ? host.endsWith(wanted.slice(1)) : wanted === host;
}

function matchesPath(spec: string, path: string, scope: PermissionScope): boolean {
  return matchesPathPattern(spec, resolvePath(path, scope.cwd, scope.home), scope.cwd, scope.home);
}
