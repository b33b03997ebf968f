import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { filePermissions, problemsOf, withFileRules } from './file-rules.ts';

const scope = { cwd: '/home/agent', home: '/home/agent', readable: [] };
const ofClass = { mode: 'bypassPermissions' as const, allow: [], ask: [], deny: ['Bash(rm:*)'] };
const file = (permissions: unknown, path = '/home/agent/app/.claude/settings.json') => ({
  path,
  permissions: filePermissions.parse(permissions),
});
const bash = (command: string) => ({ kind: 'bash', command }) as const;

describe('permissions in a settings file', () => {
  it('forbid and have asked, and permit nothing', () => {
    const said = {
      allow: ['Bash(rm:*)', 'Bash'],
      deny: ['Bash(curl:*)'],
      ask: ['Bash(git push:*)'],
      defaultMode: 'x',
    };
    const permissions = withFileRules({ ...ofClass, mode: 'default' }, [file(said)]);
    expect(problemsOf([file(said)])).toEqual([]);
    const verdict = (command: string) => decide(bash(command), permissions, scope).verdict;
    expect(['rm x', 'curl x', 'git push', 'make'].map(verdict)).toEqual(['deny', 'deny', 'ask', 'ask']);
    expect(permissions).toMatchObject({ mode: 'default', allow: [] });
  });

  it('speak of paths from the folder that .claude lies in', () => {
    const permissions = withFileRules(ofClass, [
      file({ deny: ['Read(/secret/**)', 'Edit(//etc/**)', 'Read(*.pem)'] }),
    ]);
    const read = (path: string) => decide({ kind: 'read', tool: 'Read', path }, permissions, scope).verdict;
    expect(['app/secret/x', 'secret/x', 'a/b.pem'].map(read)).toEqual(['deny', 'allow', 'deny']);
  });

  it('that cannot be read are left out and named; those of other shapes are none', () => {
    const files = [
      file({ deny: ['Bash (unclosed', 7, 'x'.repeat(600), 'Bash(ls)'] }),
      file({ deny: 'Bash', ask: null }),
      file('nothing'),
      file({ deny: Array.from({ length: 200 }, () => 'Bash(dd:*)') }, '/home/agent/.claude/settings.json'),
    ];
    expect(problemsOf(files)).toEqual([
      '/home/agent/app/.claude/settings.json: Bash (unclosed is no rule.',
      expect.stringContaining('xxx is no rule.'),
      '/home/agent/.claude/settings.json: of permissions.deny the first 128 count.',
    ]);
    expect(withFileRules(ofClass, files).deny).toHaveLength(1 + 1 + 128);
  });
});
