import { describe, expect, it } from 'vitest';
import { splitArguments, substitute } from './arguments.ts';
import { partsOf } from './commands-inside.ts';

describe('arguments', () => {
  it.each([
    ['a  b', ['a', 'b']],
    ['"hello world" second', ['hello world', 'second']],
    [`it\\'s 'a\\b' "" x"y z"`, ["it's", 'a\\b', '', 'xy z']],
    ['', []],
    ['"open end', ['open end']],
  ])('of %j are %j', (line, words) => expect(splitArguments(line)).toEqual(words));

  const to = {
    args: 'one "two three"',
    argumentNames: ['issue', 'issue-branch', 'none'],
    variables: { CLAUDE_SKILL_DIR: '/s' },
  };
  it.each([
    ['all: $ARGUMENTS.', 'all: one "two three".', true],
    ['$0 and $1 and $ARGUMENTS[1] and $2', 'one and two three and two three and $2', true],
    ['$issue, $issue-branch, <$none>, $issues', 'one, two three, <>, $issues', true],
    ['\\$1.00, \\\\$1, \\$x, \\$ARGUMENTS', '$1.00, \\\\two three, \\$x, $ARGUMENTS', true],
    [`\${CLAUDE_SKILL_DIR}/a \${HOME} $HOME`, `/s/a \${HOME} $HOME`, false],
    ['\\$5', '$5', false],
  ])('%j becomes %j', (text, expected, used) => {
    expect(substitute(text, to)).toEqual({ text: expected, used });
  });

  it('are put in once: what they hold is text', () => {
    expect(substitute('$0', { ...to, args: '$1 x' }).text).toBe('$1');
  });
});

describe('commands inside a skill', () => {
  it('stand at the beginning of a line or after a space, or in a block of their own', () => {
    expect(partsOf('- !`git diff`\nKEY=!`no`\n!`a b` c\n```!\none\ntwo\n```\nend')).toEqual([
      { kind: 'text', text: '- ' },
      { kind: 'run', command: 'git diff' },
      { kind: 'text', text: '\n' },
      { kind: 'text', text: 'KEY=!`no`\n' },
      { kind: 'text', text: '' },
      { kind: 'run', command: 'a b' },
      { kind: 'text', text: ' c\n' },
      { kind: 'run', command: 'one\ntwo' },
      { kind: 'text', text: '\n' },
      { kind: 'text', text: 'end' },
    ]);
    expect(partsOf('```!\nnever ends')).toEqual([
      { kind: 'text', text: '```!\n' },
      { kind: 'text', text: 'never ends' },
    ]);
  });
});
