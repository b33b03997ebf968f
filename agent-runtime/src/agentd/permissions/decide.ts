import type { RuntimeConfig } from '../../protocol/config.ts';
import type { Access, PermissionScope } from './access.ts';
import { allowsCommand, commandRule } from './command.ts';
import { isInside, resolvePath } from './path-pattern.ts';
import { isOfFiles, parseRules, type Rule } from './rule.ts';
import { matchesSpec, namesTool } from './speaks.ts';

export type { Access, PermissionScope } from './access.ts';

type Permissions = RuntimeConfig['permissions'];

export type Permission =
  | { verdict: 'allow' }
  /** `person`: nothing may answer in a person's place, as an ask rule names it or the call is itself a question. */
  | { verdict: 'ask'; person?: true }
  | { verdict: 'deny'; reason: string };

/**
 * What the rules and the mode say about one tool call. A deny rule that matches any part wins over everything, an ask rule
 * over what follows. Allow rules must cover every part of a compound command. What no list settles is settled by the
 * mode: `default` asks for all but reading; `acceptEdits` also edits inside the home but in `.claude`; `plan` refuses edits
 * and else is as `default`; `dontAsk` refuses what would be asked; `bypassPermissions` asks for nothing but what an ask rule names.
 */
export function decide(access: Access, permissions: Permissions, scope: PermissionScope): Permission {
  const ruled = decideByRule(access, permissions, scope);
  if (ruled !== undefined) return ruled;
  // Nobody but a person can answer, in any mode. What is no plan mode has no plan to approve: the tool says so.
  if (access.kind === 'question') return askedOfPerson(permissions);
  if (access.kind === 'plan')
    return permissions.mode === 'plan' ? presented(permissions) : { verdict: 'allow' };
  // A skill is text, and so is a subagent's task; what they lead to is decided on when it comes.
  if (['none', 'skill', 'agent'].includes(access.kind) || permissions.mode === 'bypassPermissions')
    return { verdict: 'allow' };
  if (access.kind === 'edit' && permissions.mode === 'plan')
    return { verdict: 'deny', reason: 'in plan mode nothing is changed: present your plan first' };
  if (isAllowedByRule(access, permissions, scope) || isAllowedByMode(access, permissions.mode, scope))
    return { verdict: 'allow' };
  return asked(permissions);
}

/** What a deny or ask rule says, if one speaks of the call at all. */
export function decideByRule(
  access: Access,
  permissions: Permissions,
  scope: PermissionScope,
): Permission | undefined {
  const denied = ruleFor(access, permissions.deny, scope);
  if (denied !== undefined) return { verdict: 'deny', reason: whyDenied(denied, access) };
  return ruleFor(access, permissions.ask, scope) === undefined ? undefined : askedOfPerson(permissions);
}

/** Whether any deny or ask rule is about certain files. */
export function hasFileRules({ deny, ask }: Permissions): boolean {
  return parseRules([...deny, ...ask], 'matches-all').some(isOfFiles);
}

function whyDenied(rule: Rule, access: Access): string {
  // A pattern may match such a file, whether there is one or not.
  const may = access.kind === 'bash' && isOfFiles(rule);
  return `the rule ${rule.text} forbids it${may ? ': by what it says, the command may open such a file' : ''}`;
}

function asked({ mode }: Permissions): Permission {
  if (mode !== 'dontAsk') return { verdict: 'ask' };
  return { verdict: 'deny', reason: 'no rule allows it, and in the mode dontAsk nobody is asked' };
}

function askedOfPerson(permissions: Permissions): Permission {
  const permission = asked(permissions);
  return permission.verdict === 'ask' ? { ...permission, person: true } : permission;
}

function presented(permissions: Permissions): Permission {
  if (permissions.afterPlan !== undefined) return askedOfPerson(permissions);
  return { verdict: 'deny', reason: 'the class of this workspace allows no mode but plan' };
}

/** Whether an allow rule names this use of a tool, whatever the mode lets through besides. */
export function isAllowedByRule(access: Access, permissions: Permissions, scope: PermissionScope): boolean {
  const rules = parseRules(permissions.allow, 'matches-none').filter((rule) => namesTool(rule, access));
  if (rules.some((rule) => rule.spec === undefined)) return true;
  if (access.kind !== 'bash')
    return rules.some(({ spec }) => spec !== undefined && matchesSpec(spec, access, scope, false));
  const specs = rules.flatMap(({ spec }) => spec ?? []);
  return allowsCommand(access.command, specs, (file) => decide(file, permissions, scope).verdict === 'allow');
}

/** Whether a deny rule keeps a path from being read, for results that list files. */
export function isReadDenied(path: string, deny: readonly string[], scope: PermissionScope): boolean {
  return ruleFor({ kind: 'read', tool: 'Read', path }, deny, scope) !== undefined;
}

/** The first deny or ask rule of a list that speaks of any part of what would be done. */
function ruleFor(access: Access, texts: readonly string[], scope: PermissionScope): Rule | undefined {
  const rules = parseRules(texts, 'matches-all');
  const whole = rules.find((rule) => rule.spec === undefined && namesTool(rule, access));
  if (whole !== undefined) return whole;
  if (access.kind === 'bash') return commandRule(access.command, rules, scope);
  return rules.find(
    (rule) =>
      rule.spec !== undefined && namesTool(rule, access) && matchesSpec(rule.spec, access, scope, true),
  );
}

function isAllowedByMode(access: Access, mode: Permissions['mode'], scope: PermissionScope): boolean {
  if (access.kind !== 'read' && access.kind !== 'edit') return false;
  const path = resolvePath(access.path, scope.cwd, scope.home);
  if (access.kind === 'read') return [scope.home, ...scope.readable].some((folder) => isInside(path, folder));
  // What lies there can grant tools to whoever starts it.
  return mode === 'acceptEdits' && isInside(path, scope.home) && !path.split('/').includes('.claude');
}
