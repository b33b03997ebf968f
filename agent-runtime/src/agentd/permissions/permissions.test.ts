import { describe, expect, it } from 'vitest';
import type { RuntimeConfig } from '../../protocol/config.ts';
import { type Access, decide, type PermissionScope } from './decide.ts';

const scope: PermissionScope = {
  cwd: '/home/agent/app',
  home: '/home/agent',
  readable: ['/var/lib/dormouse-processes'],
};
const bash = (command: string): Access => ({ kind: 'bash', command });
const read = (path: string): Access => ({ kind: 'read', tool: 'Read', path });
const edit = (path: string): Access => ({ kind: 'edit', tool: 'Write', path });

function verdict(access: Access, rules: Partial<RuntimeConfig['permissions']>) {
  return decide(access, { mode: 'default', allow: [], ask: [], deny: [], ...rules }, scope).verdict;
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
    ['plan', read('x.txt'), 'allow'],
    ['plan', edit('x.txt'), 'deny'],
    ['plan', bash('ls'), 'ask'],
    ['dontAsk', read('x.txt'), 'allow'],
    ['dontAsk', read('/etc/passwd'), 'deny'],
    ['dontAsk', edit('x.txt'), 'deny'],
    ['dontAsk', bash('ls'), 'deny'],
    ['bypassPermissions', bash('rm -rf /'), 'allow'],
    ['bypassPermissions', edit('/etc/x'), 'allow'],
  ] as const)('%s: %o → %s', (mode, access, expected) => {
    expect(verdict(access, { mode })).toBe(expected);
  });
});

describe('the order of the lists', () => {
  const push = bash('git push origin');
  const all = { deny: ['Bash(git push *)'], ask: ['Bash(git *)'], allow: ['Bash(git push origin)'] };
  it.each([
    [all, 'deny'],
    [{ ...all, deny: [] }, 'ask'],
    [{ ...all, deny: [], ask: [] }, 'allow'],
    [{ ...all, deny: [], mode: 'bypassPermissions' }, 'ask'],
    [{ ...all, deny: [], mode: 'dontAsk' }, 'deny'],
    [{ ...all, deny: [], ask: [], mode: 'dontAsk' }, 'allow'],
    [{ allow: ['Edit'], mode: 'plan' }, 'ask'],
    [{ deny: ['Bash (unclosed'] }, 'deny'],
    [{ ask: ['Bash (unclosed'], mode: 'bypassPermissions' }, 'ask'],
  ] as [Partial<RuntimeConfig['permissions']>, string][])('%o → %s', (rules, expected) => {
    expect(verdict(push, rules)).toBe(expected);
  });

  it('plan mode refuses an edit that a rule allows', () => {
    expect(verdict(edit('x'), { mode: 'plan', allow: ['Edit'] })).toBe('deny');
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
    ['ls:*', 'ls "*.ts" a\\ b \'c d\'', 'allow'],
    ['ls:*', "'ls' -l", 'ask'],
    ['ls a b', 'ls "a b"', 'ask'],
    ['ls:*', 'ls # only to look', 'allow'],
    ['ls:*', "ls <<'E'\n$(rm x)\nE", 'allow'],
    ['ls:*', 'ls < notes.txt', 'allow'],
    ['ls:*', 'ls < /etc/passwd', 'ask'],
    ['ls:*', 'time -p ls', 'allow'],
    ['ls:*', 'timeout -s KILL 5 stdbuf -oL ls', 'allow'],
    ['ls:*', 'timeout --unknown=1 ls', 'ask'],
    ['ls:*', 'constructor ls', 'ask'],
    ['ls:*', 'ls; if', 'ask'],
    ['*', 'anything; at all', 'allow'],
    ['*', '', 'allow'],
  ])('Bash(%s) and %j → %s', (spec, command, expected) => {
    expect(verdict(bash(command), { allow: [`Bash(${spec})`] })).toBe(expected);
  });
});

describe('a redirection', () => {
  const rules = { allow: ['Bash(echo:*)', 'Edit(out/**)'] };
  it.each([
    ['echo x > ~/out/a', 'allow'],
    ['echo x >> ~/out/a 2>&1', 'allow'],
    ['echo x > ~/other', 'ask'],
    ['echo x > $X', 'ask'],
    ['cd /tmp && echo x > out/a', 'ask'],
  ])('to a file is an edit of that file: %s → %s', (command, expected) => {
    expect(verdict(bash(command), { ...rules, allow: [...rules.allow, 'Bash(cd:*)'] })).toBe(expected);
  });

  it('is allowed where the mode accepts edits', () => {
    expect(verdict(bash('echo x > a'), { allow: ['Bash(echo:*)'], mode: 'acceptEdits' })).toBe('allow');
    expect(verdict(bash('echo x > .claude/a'), { allow: ['Bash(echo:*)'], mode: 'acceptEdits' })).toBe('ask');
  });
});

describe('a deny rule for files and commands that name them', () => {
  it.each([
    ['Read(.env)', 'cat .env'],
    ['Read(.env)', 'cat < .env'],
    ['Read(.env)', 'head -n 1 "./.env"'],
    ['Read(.env)', 'cd app && grep x .env'],
    ['Read(~/.ssh/**)', 'cp ~/.ssh/id_rsa x'],
    ['Read(//etc/**)', 'bash -c "cat /etc/passwd"'],
    ['Read(.env)', 'ln -s .env x'],
    ['Read(.env)', 'for i in 1; do cat .env; done'],
    ['Edit(.git/**)', 'rm ~/.git/config'],
    ['Edit(.git/**)', 'echo x > ~/.git/config'],
    ['Edit(.git/**)', 'cd ~/.git; echo x | tee config'],
    ['Edit(out)', '(echo x) > out'],
    ['Edit(out)', 'dd if=x of=out'],
    ['Edit(out)', 'sed -i s/a/b/ out'],
  ])('%s stops %s', (rule, command) => {
    expect(verdict(bash(command), { deny: [rule], mode: 'bypassPermissions' })).toBe('deny');
  });

  it('stops no other', () => {
    const rules = { deny: ['Read(.env)', 'Edit(out)'], mode: 'bypassPermissions' as const };
    for (const command of ['cat env', 'cat out', 'echo .env', 'ls $X > other'])
      expect(verdict(bash(command), rules), command).toBe('allow');
  });
});

describe('rules for other tools', () => {
  const fetch = (url: string): Access => ({ kind: 'fetch', tool: 'WebFetch', url });
  const mcp = (tool: string): Access => ({ kind: 'mcp', tool });
  const agent = (name: string): Access => ({ kind: 'agent', tool: 'Agent', agent: name });
  it.each([
    ['WebFetch', fetch('https://a.example/x'), 'deny'],
    ['WebFetch(domain:a.example)', fetch('https://A.example:8443/x'), 'deny'],
    ['WebFetch(domain:a.example)', fetch('https://a.example./x'), 'deny'],
    ['WebFetch(domain:a.example)', fetch('https://u:p@a.example/x'), 'deny'],
    ['WebFetch(domain:a.example)', fetch('https://b.a.example/x'), 'ask'],
    ['WebFetch(domain:a.example)', fetch('https://a.example.evil/x'), 'ask'],
    ['WebFetch(domain:a.example)', fetch('https://evil/?a.example'), 'ask'],
    ['WebFetch(domain:*.example)', fetch('https://b.a.example/x'), 'deny'],
    ['WebFetch(domain:*.example)', fetch('https://example/x'), 'ask'],
    ['mcp__github', mcp('mcp__github__search'), 'deny'],
    ['mcp__github__*', mcp('mcp__github__search'), 'deny'],
    ['mcp__github__get_*', mcp('mcp__github__get_issue'), 'deny'],
    ['mcp__github__get_*', mcp('mcp__github__search'), 'ask'],
    ['mcp__github__search', mcp('mcp__github__search'), 'deny'],
    ['mcp__git', mcp('mcp__github__search'), 'ask'],
    ['Agent(explorer)', agent('explorer'), 'deny'],
    ['Task(explorer)', agent('explorer'), 'deny'],
    ['Agent(explorer)', agent('other'), 'allow'],
  ] as const)('%s and %o → %s', (rule, access, expected) => {
    expect(verdict(access, { deny: [rule] })).toBe(expected);
  });

  it('allow what they name', () => {
    const allow = ['WebFetch(domain:a.example)', 'mcp__github__get_*'];
    expect(verdict(fetch('https://a.example/x'), { allow })).toBe('allow');
    expect(verdict(fetch('not a url'), { allow })).toBe('ask');
    expect(verdict(mcp('mcp__github__get_issue'), { allow })).toBe('allow');
    expect(verdict(mcp('mcp__github__delete'), { allow })).toBe('ask');
    expect(verdict(mcp('mcp__github__delete'), { allow: ['mcp__*'] })).toBe('ask');
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
    ['Bash(git push:*)', 'git -C /x push origin'],
    ['Bash(git push:*)', 'git -c a=b --no-pager push'],
    ['Bash(git push:*)', 'git --git-dir /x push'],
    ['Bash(git push:*)', 'git $X origin'],
    ['Bash(* --force)', 'git push "$x"'],
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
    ['Read(lib/key)', 'lib/key', 'deny'],
    ['Read(lib/key)', '~/lib/key', 'deny'],
    ['Read(\\*.pem)', 'a.pem', 'allow'],
    ['Read(**)', '/home/agent/x', 'deny'],
    ['Read({a,b}.pem)', 'b.pem', 'deny'],
    [`Read(${'{a,b}'.repeat(12)})`, 'x', 'deny'],
  ])('%s and %s → %s', (rule, path, expected) => {
    expect(verdict(read(path), { deny: [rule] })).toBe(expected);
  });

  it('Edit covers every tool that writes, and a path cannot step around a rule', () => {
    expect(verdict(edit('a/../.git/config'), { deny: ['Edit(.git/**)'], mode: 'acceptEdits' })).toBe('deny');
    expect(verdict(edit('a/../../.git/config'), { deny: ['Edit(.git/**)'], mode: 'acceptEdits' })).toBe(
      'deny',
    );
    expect(verdict(edit('/srv/data/x'), { allow: ['Edit(//srv/data/**)'] })).toBe('allow');
  });
});
