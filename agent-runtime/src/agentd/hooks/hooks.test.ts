import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { combine } from './combine.ts';
import { type Hook, hookEvents, matches } from './hook.ts';
import { readHooks } from './read.ts';
import { type HookResult, resultOf } from './result.ts';

describe('a matcher', () => {
  it.each([
    [undefined, 'Bash', true],
    ['', 'Bash', true],
    ['*', 'Bash', true],
    ['Bash', 'Bash', true],
    ['Bash', 'BashOutput', false],
    ['Edit|Write', 'Write', true],
    ['Edit, Write', 'Write', true],
    ['bash', 'Bash', false],
    ['mcp__.*', 'mcp__files__read', true],
    ['Note.*', 'ANotebook', true],
    ['^Note', 'ANotebook', false],
  ])('%j and %s: %s', (matcher, value, expected) => expect(matches(matcher, value)).toBe(expected));

  it('that would think for ever does not hold anybody up, and runs its hook', () => {
    const begun = performance.now();
    expect(matches('^(\\w+)+$', `${'a'.repeat(60)}!`)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

const end = (stdout: string, code = 0, stderr = '') => ({ code, stdout, stderr });
const json = (value: unknown) => end(JSON.stringify(value));
const specific = (value: object) => json({ hookSpecificOutput: value });

describe('the end of a hook', () => {
  it.each([
    ['PreToolUse', end('', 2, 'no\n'), { permission: { decision: 'deny', reason: 'no' } }],
    ['PermissionRequest', end('', 2, 'no'), { permission: { decision: 'deny', reason: 'no' } }],
    ['UserPromptSubmit', end('', 2, 'no'), { block: 'no' }],
    ['Stop', end('', 2, 'go on'), { block: 'go on' }],
    ['PostToolUse', end('', 2, 'look'), { block: 'look' }],
    ['SessionStart', end('', 2, 'hm'), { message: 'hm' }],
    ['PreToolUse', end('{"decision":"block"}', 1, 'broken'), { failed: 'it exited with code 1: broken' }],
    ['PreToolUse', end('text'), {}],
    ['UserPromptSubmit', end('text\n'), { context: 'text' }],
    ['SessionStart', end('text'), { context: 'text' }],
    ['Stop', end('{no json'), { failed: 'what it printed begins with { and is no JSON' }],
    [
      'Stop',
      json({ decision: 'block', reason: 'more', systemMessage: 'round 2' }),
      { block: 'more', message: 'round 2' },
    ],
    ['PreToolUse', json({ continue: false, stopReason: 'enough' }), { stop: 'enough' }],
    ['PreToolUse', json({ decision: 'approve' }), { permission: { decision: 'allow' } }],
    ['PreToolUse', specific({ permissionDecision: 'defer' }), { permission: { decision: 'ask' } }],
    [
      'PreToolUse',
      specific({ permissionDecision: 'allow', updatedInput: { command: 'ls' }, additionalContext: 'c' }),
      { permission: { decision: 'allow' }, updatedInput: { command: 'ls' }, context: 'c' },
    ],
    [
      'PermissionRequest',
      specific({ decision: { behavior: 'deny', message: 'no' } }),
      { permission: { decision: 'deny', reason: 'no' } },
    ],
    ['PostToolUse', specific({ updatedToolOutput: 'shown' }), { updatedOutput: 'shown' }],
    ['PostToolUse', specific({ updatedMCPToolOutput: { a: 1 } }), { updatedMcpOutput: '{"a":1}' }],
    ['UserPromptSubmit', specific({ sessionTitle: 'a title' }), { sessionTitle: 'a title' }],
    ['Elicitation', end('', 2, 'no'), { elicitation: { action: 'decline' }, message: 'no' }],
    ['ElicitationResult', end('', 2, 'no'), { elicitation: { action: 'decline' }, message: 'no' }],
    [
      'Elicitation',
      specific({ action: 'accept', content: { size: 'm' } }),
      { elicitation: { action: 'accept', content: { size: 'm' } } },
    ],
    ['ElicitationResult', specific({ content: { size: 's' } }), { elicitation: { content: { size: 's' } } }],
    ['Elicitation', json({ systemMessage: 'seen' }), { message: 'seen' }],
    ['PreToolUse', specific({ action: 'whatever' }), {}],
  ] as const)('of %s: %o means %o', (event, ended, expected) =>
    expect(resultOf(event, ended)).toEqual(expected),
  );

  it('whose answer is not as documented is a failure that names the field', () => {
    expect(resultOf('PreToolUse', specific({ permissionDecision: 'maybe' })).failed).toMatch(
      /permissionDecision/,
    );
    expect(resultOf('Elicitation', specific({ action: 'maybe' })).failed).toMatch(
      /hookSpecificOutput\.action/,
    );
    expect(resultOf('Elicitation', specific({ content: {} })).failed).toMatch(/no action/);
  });
});

const hook: Hook = {
  ...{ event: 'PreToolUse', matcher: undefined, condition: undefined, timeoutMs: 1, async: false },
  ...{ failClosed: false, mayAllow: true, managed: false, env: {}, source: 'f' },
  action: { type: 'command', command: 'x' },
};
const say = (decision: 'allow' | 'ask' | 'deny', more: Partial<Hook> = {}) => ({
  hook: { ...hook, ...more },
  result: { permission: { decision } },
});

describe('several hooks', () => {
  it('agree on the strictest decision', () => {
    expect(combine('PreToolUse', [say('allow'), say('ask')]).permission).toEqual({ decision: 'ask' });
    expect(combine('PreToolUse', [say('deny'), say('allow'), say('ask')]).permission).toEqual({
      decision: 'deny',
    });
  });

  it('let nothing through that they may not let through', () => {
    expect(combine('PreToolUse', [say('allow', { mayAllow: false })]).permission).toBeUndefined();
    expect(combine('PreToolUse', [say('deny', { mayAllow: false })]).permission).toEqual({
      decision: 'deny',
    });
  });

  it('that answer a question: the strictest counts, and acceptance of those alone that may allow', () => {
    const answer = (elicitation: HookResult['elicitation'] & object, mayAllow = true) => ({
      hook: { ...hook, mayAllow },
      result: { elicitation },
    });
    const together = (...results: Parameters<typeof combine>[1]) =>
      combine('Elicitation', results).elicitation;
    const accept = answer({ action: 'accept', content: { size: 'm' } });
    expect(together(accept, answer({ action: 'cancel' }))).toEqual({ action: 'cancel' });
    expect(together(answer({ action: 'decline' }, false), accept)).toEqual({ action: 'decline' });
    expect(together(accept, answer({ content: { size: 's' } }))).toEqual({
      ...{ action: 'accept', content: { size: 's' } },
    });
    for (const refused of [{ action: 'accept' as const }, { content: { size: 's' } }])
      expect(together(answer(refused, false))).toBeUndefined();
  });

  it('of which one fails go on without it, unless it must be asked', () => {
    const failed = (failClosed: boolean) => ({
      hook: { ...hook, failClosed },
      result: { failed: 'it broke' },
    });
    expect(combine('PreToolUse', [failed(false)]).permission).toBeUndefined();
    expect(combine('PreToolUse', [failed(true)]).permission).toMatchObject({ decision: 'deny' });
    expect(combine('UserPromptSubmit', [failed(true)]).block).toContain('it broke');
    expect(combine('UserPromptExpansion', [failed(true)]).block).toContain('it broke');
    expect(combine('Stop', [failed(true)]).block).toBeUndefined();
    expect(combine('Elicitation', [failed(true)])).toMatchObject({
      elicitation: { action: 'decline' },
      messages: [expect.stringContaining('it broke')],
    });
    expect(combine('ElicitationResult', [failed(false)]).elicitation).toBeUndefined();
  });
});

describe('hooks of a file', () => {
  const read = (hooks: unknown) => {
    const text = JSON.stringify({ hooks }, null, 1);
    const file = { path: '/h/.claude/settings.json', text, at: ['hooks'], env: { CLAUDE_PROJECT_DIR: '/h' } };
    return readHooks(hooks, { ...file, failClosed: false, mayAllow: false, once: false });
  };

  it('are read with their documented limits, and arguments are no shell text', async () => {
    const { hooks, problems } = await read({
      Stop: [{ hooks: [{ type: 'command', command: 'a b' }] }],
      UserPromptSubmit: [{ hooks: [{ type: 'command', command: 'a', asyncRewake: true }] }],
      PreToolUse: [
        {
          matcher: 'Bash',
          hooks: [
            {
              type: 'command',
              command: 'p',
              args: ["it's", '$'.concat('{CLAUDE_PROJECT_DIR}/x')],
              timeout: 2.5,
            },
          ],
        },
      ],
      UserPromptExpansion: [
        {
          hooks: ['prompt', 'agent', 'mcp_tool'].map((type) => ({
            type,
            prompt: 'p',
            server: 's',
            tool: 't',
          })),
        },
      ],
    });
    expect(problems).toEqual([]);
    expect(hooks.map(({ timeoutMs }) => timeoutMs)).toEqual([
      ...[600_000, 30_000, 2_500],
      ...[30_000, 60_000, 600_000],
    ]);
    expect(hooks.map((hook) => hook.async).slice(0, 3)).toEqual([false, true, false]);
    expect(hooks[2]?.action).toEqual({ type: 'command', command: "exec 'p' 'it'\\''s' '/h/x'" });
  });

  it('that are broken are named with their line, and the others count', async () => {
    const { hooks, problems } = await read({
      NoSuchEvent: [],
      Stop: [{ hooks: [{ type: 'command' }, { type: 'command', command: 'ok' }] }],
      PreToolUse: [{ matcher: '(', hooks: [] }],
    });
    expect(hooks).toHaveLength(1);
    expect(problems).toEqual([
      '/h/.claude/settings.json:3: there is no event NoSuchEvent here, so its hooks never run.',
      expect.stringMatching(/^\/h\/\.claude\/settings\.json:7: Stop: command: /),
      expect.stringMatching(/settings\.json:19: PreToolUse: the matcher is no regular expression\.$/),
    ]);
  });
});

it('the events that a class may name are those that there are', async () => {
  const chart = '../../../../charts/dormouse/templates/crds/dormouse.dev_agentworkspaceclasses.yaml';
  const text = await readFile(new URL(chart, import.meta.url), 'utf8');
  const crd = parse(text.replace(/^\{\{.*\}\}$/gm, ''));
  const { spec } = crd.spec.versions[0].schema.openAPIV3Schema.properties;
  const { event } = spec.properties.hooks.properties.managed.items.properties;
  expect(event.enum.toSorted()).toEqual([...hookEvents].sort());
});
