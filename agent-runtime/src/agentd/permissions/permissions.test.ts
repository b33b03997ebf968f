import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Access, decide, type PermissionScope } from './decide.ts';
import { parseShellCommand } from './shell-command.ts';

const scope: PermissionScope = {
  cwd: '/home/agent/app',
  home: '/home/agent',
  readable: ['/var/lib/dormouse-processes'],
};
const bash = (command: string): Access => ({ kind: 'bash', command });
const read = (path: string): Access => ({ kind: 'read', tool: 'Read', path });
const edit = (path: string): Access => ({ kind: 'edit', tool: 'Write', path });

function verdict(
  access: Access,
  rules: { mode?: 'default' | 'acceptEdits' | 'bypassPermissions'; allow?: string[]; deny?: string[] },
) {
  return decide(
    access,
    { mode: rules.mode ?? 'default', allow: rules.allow ?? [], deny: rules.deny ?? [] },
    scope,
  ).verdict;
}

describe('modes', () => {
  it.each([
    ['default', read('x.txt'), 'allow'],
    ['default', read('/etc/passwd'), 'ask'],
    ['default', read('../../../etc/passwd'), 'ask'],
    ['default', read('/var/lib/dormouse-processes/bg.log'), 'allow'],
    ['default', edit('x.txt'), 'ask'],
    ['default', bash('ls'), 'ask'],
    ['acceptEdits', edit('x.txt'), 'allow'],
    ['acceptEdits', edit('/home/agentx/x'), 'ask'],
    ['acceptEdits', edit('~/../other'), 'ask'],
    ['acceptEdits', edit('.claude/skills/x/SKILL.md'), 'ask'],
    ['acceptEdits', edit('~/app/../.claude/settings.json'), 'ask'],
    ['acceptEdits', bash('ls'), 'ask'],
    ['bypassPermissions', bash('rm -rf /'), 'allow'],
    ['bypassPermissions', edit('/etc/x'), 'allow'],
  ] as const)('%s: %o → %s', (mode, access, expected) => {
    expect(verdict(access, { mode })).toBe(expected);
  });
});

describe('an allow rule for Bash', () => {
  it.each([
    ['npm test', 'npm test', 'allow'],
    ['npm test', 'npm test x', 'ask'],
    ['npm run *', 'npm run build --watch', 'allow'],
    ['npm run:*', 'npm run', 'allow'],
    ['npm run:*', 'npm runx', 'ask'],
    ['git * main', 'git push origin main', 'allow'],
    ['ls:*', 'ls | ls -la && ls; ls & ls\nls', 'allow'],
    ['ls:*', 'ls && rm -rf /', 'ask'],
    ['ls:*', 'ls\nrm -rf /', 'ask'],
    ['ls:*', 'ls & rm x', 'ask'],
    ['ls:*', 'ls |& rm x', 'ask'],
    ['ls:*', 'ls $(rm x)', 'ask'],
    ['ls:*', 'ls "$(rm x)"', 'ask'],
    ['ls:*', "ls '$(rm x)'", 'allow'],
    ['ls:*', 'ls `rm x`', 'ask'],
    ['ls:*', 'ls <(rm x)', 'ask'],
    ['ls:*', 'ls > ~/.bashrc', 'ask'],
    ['ls:*', 'ls 2>&1 >/dev/null', 'allow'],
    ['ls:*', 'ls >/dev/nullx', 'ask'],
    ['ls:*', '(ls)', 'ask'],
    ['ls:*', 'if ls; then ls; fi', 'ask'],
    ['ls:*', 'PATH=/tmp ls', 'ask'],
    ['ls:*', 'timeout 5 nice -n 3 nohup ls -la', 'allow'],
    ['ls:*', 'timeout 5 rm ls', 'ask'],
    ['ls:*', 'xargs ls', 'allow'],
    ['ls:*', 'xargs -I{} rm {} ls', 'ask'],
    ['ls:*', 'ls "', 'ask'],
    ['ls:*', "ls #'\nrm x #'", 'ask'],
    ['ls:*', 'ls a#b', 'allow'],
    ['ls:*', 'ls >&2file', 'ask'],
    ['ls:*', 'ls "a; b" \\; c', 'allow'],
    ['ls:*', 'ls <<E\n$(rm x)\nE', 'ask'],
    ['*', 'anything; at all', 'allow'],
    ['*', '', 'allow'],
  ])('Bash(%s) and %j → %s', (spec, command, expected) => {
    expect(verdict(bash(command), { allow: [`Bash(${spec})`] })).toBe(expected);
  });

  it('never lets through a part that no rule covers, whatever stands around it', () => {
    const glue = fc.constantFrom(
      ' && ',
      ' || ',
      '; ',
      ' | ',
      ' & ',
      '\n',
      ' |& ',
      ' $(',
      ' `',
      ' <(',
      '("',
      "'",
    );
    const piece = fc.constantFrom('ls', 'ls -la', 'timeout 3 ls', '"a b"', 'ls "', "ls '");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 3 }), glue, (before, joint) => {
        const command = `${before.join(' && ')}${joint}rm -rf x`;
        const { parts, opaque } = parseShellCommand(command);
        const quoted = parts.length > 0 && parts.every((part) => /^(timeout 3 )?ls|^"a b"/.test(part));
        if (verdict(bash(command), { allow: ['Bash(ls:*)'] }) === 'allow')
          expect(opaque === false && quoted).toBe(true);
      }),
    );
  });
});

describe('a deny rule', () => {
  it.each([
    ['Bash(rm:*)', 'rm -rf x'],
    ['Bash(rm:*)', 'ls && rm x'],
    ['Bash(rm:*)', 'echo $(rm x)'],
    ['Bash(rm:*)', 'echo "`rm x`"'],
    ['Bash(rm:*)', "'rm' x"],
    ['Bash(rm:*)', 'r\\m x'],
    ['Bash(rm:*)', '/bin/rm x'],
    ['Bash(rm:*)', 'FOO=1 rm x'],
    ['Bash(rm:*)', 'timeout 3 rm x'],
    ['Bash(rm:*)', 'xargs -n1 rm'],
    ['Bash(rm:*)', 'bash -c "rm x"'],
    ['Bash(rm:*)', 'if true; then rm x; fi'],
    ['Bash(rm:*)', '$(echo rm) x'],
    ['Bash(rm:*)', '$X x'],
    ['Bash(rm:*)', '/bin/r? x'],
    ['Bash(rm:*)', '{rm,x}'],
    ['Bash(rm:*)', 'ls "'],
    ['Bash', 'anything'],
    ['Bash (unclosed', 'anything'],
  ])('%s stops %j in every mode and against every allow rule', (rule, command) => {
    expect(verdict(bash(command), { deny: [rule], allow: ['Bash'], mode: 'bypassPermissions' })).toBe('deny');
  });

  it('does not stop what it does not speak of', () => {
    expect(verdict(bash('ls -l'), { deny: ['Bash(rm:*)', 'Read(secret)'], allow: ['Bash'] })).toBe('allow');
  });
});

describe('rules for skills', () => {
  const start = (skill: string, args = ''): Access => ({ kind: 'skill', tool: 'Skill', skill, args });
  it.each([
    ['Skill', start('deploy'), 'deny'],
    ['Skill(deploy)', start('deploy', 'prod'), 'deny'],
    ['Skill(deploy *)', start('deploy'), 'deny'],
    ['Skill(deploy)', start('deploy-all'), 'allow'],
    ['Skill(deploy *)', start('apps:deploy', 'prod'), 'allow'],
    ['Bash(deploy)', start('deploy'), 'allow'],
  ] as const)('%s and %o → %s', (rule, access, expected) => {
    expect(verdict(access, { deny: [rule] })).toBe(expected);
  });
});

describe('path rules', () => {
  it.each([
    ['Read(~/.ssh/**)', '/home/agent/.ssh/id', 'deny'],
    ['Read(.env)', 'deep/er/.env', 'deny'],
    ['Read(.env)', '.envrc', 'allow'],
    ['Read(/app/secret)', 'secret/x/y', 'deny'],
    ['Read(./secret)', 'secret', 'deny'],
    ['Read(./secret)', '../secret', 'allow'],
    ['Read(//home/agent/app/*.pem)', 'a.pem', 'deny'],
    ['Read(*.pem)', 'x/a.pem', 'deny'],
    ['Read(src/**/key)', '/home/agent/src/a/b/key', 'deny'],
    ['Read(src/**/key)', '/home/agent/src/key', 'deny'],
    ['Read(id_[rd]sa)', 'id_rsa', 'deny'],
    ['Read(id_[!rd]sa)', 'id_rsa', 'allow'],
  ])('%s and %s → %s', (rule, path, expected) => {
    expect(verdict(read(path), { deny: [rule] })).toBe(expected);
  });

  it('Edit covers every tool that writes, and a path cannot step around a rule', () => {
    expect(verdict(edit('a/../.git/config'), { deny: ['Edit(.git/**)'], mode: 'acceptEdits' })).toBe('allow');
    expect(verdict(edit('a/../../.git/config'), { deny: ['Edit(.git/**)'], mode: 'acceptEdits' })).toBe(
      'deny',
    );
    expect(verdict(edit('/srv/data/x'), { allow: ['Edit(//srv/data/**)'] })).toBe('allow');
  });
});
