import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { completed } from '../completion/model.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { program } from '../program.ts';
import { noSurroundings } from '../reference/no-surroundings.ts';

const commands = completed(program(noSurroundings));
const bash = bashCompletion(commands);

/** What bash offers after these words, where `dormouse ls` knows ada and bob. */
function offered(...words: string[]): string[] {
  const script = `${bash}
dormouse() { printf 'agentworkspace.dormouse.dev/%s\\n' ada bob; }
COMP_WORDS=(dormouse "$@"); COMP_CWORD=$#
_dormouse
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

describe('the completion for bash', () => {
  it('is valid bash', () => {
    expect(spawnSync('bash', ['-n'], { input: bash, encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('offers commands, then names of workspaces, then nothing', () => {
    expect(offered('s')).toEqual(['send', 'sessions', 'schedules', 'shell', 'suspend']);
    expect(offered('send', '')).toEqual(['ada', 'bob']);
    expect(offered('-n', 'team', 'send', 'a')).toEqual(['ada']);
    expect(offered('send', 'ada', '')).toEqual([]);
    expect(offered('new', '')).toEqual([]);
  });

  it('offers options, and the values that they take', () => {
    expect(offered('logs', 'ada', '--f')).toEqual(['--follow']);
    expect(offered('logs', 'ada', '-c', '')).toEqual(['agent', 'workspace']);
    expect(offered('ls', '-o', 'n')).toEqual(['name']);
    expect(offered('completion', 'z')).toEqual(['zsh']);
  });
});

it.each([
  ['zsh', zshCompletion(commands)],
  ['fish', fishCompletion(commands)],
])('the completion for %s knows every command', (_shell, script) => {
  for (const { name } of commands) expect(script).toContain(name);
});
