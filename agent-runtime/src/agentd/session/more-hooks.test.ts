import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { command, HookedAgent } from '../testing/hooked-agent.ts';
import { eventually, type Json } from '../testing/workspace.ts';

let agent: HookedAgent;
afterEach(() => agent.close());

const log = command('cat >> log; echo >> log');
const prints = (answer: object) => command(`echo '${JSON.stringify({ hookSpecificOutput: answer })}'`);
const asked = () => JSON.stringify(agent.model.requests.at(-1)?.messages);

describe('PostToolBatch', () => {
  it('is told all calls of an answer at once, as they ran and with what the model sees, before it is asked again', async () => {
    agent = await HookedAgent.start({
      PreToolUse: [
        {
          matcher: 'Bash',
          hooks: prints({ updatedInput: { command: 'echo other' } }).flatMap((it: Json) => it.hooks),
        },
      ],
      PostToolBatch: [...log, ...prints({ additionalContext: 'BATCHED' })],
    });
    await agent.workspace.put('a', 'text of a');
    agent.model.answers = ({ messages }) =>
      messages.length > 1
        ? undefined
        : [
            { type: 'tool_use', id: 'one', name: 'Bash', input: { command: 'echo first' } },
            { type: 'tool_use', id: 'two', name: 'Read', input: { file_path: 'a' } },
            { type: 'tool_use', id: 'three', name: 'Nothing', input: {} },
          ];
    await agent.send('go');
    const [{ tool_calls: calls }, ...more] = await agent.told('log');
    expect(more).toEqual([]);
    expect(calls).toMatchObject([
      {
        tool_use_id: 'one',
        tool_name: 'Bash',
        tool_input: { command: 'echo other' },
        tool_response: expect.stringMatching(/^other/),
      },
      {
        tool_use_id: 'two',
        tool_input: { file_path: join(agent.workspace.home, 'a') },
        tool_response: expect.stringContaining('text of a'),
      },
      { tool_use_id: 'three', tool_response: expect.stringContaining('Nothing') },
    ]);
    expect(asked()).toContain('BATCHED');
  });

  it('ends the turn where it refuses, and the model learns why when it goes on', async () => {
    agent = await HookedAgent.start({ PostToolBatch: command('echo "look first" >&2; exit 2') });
    const ended = await agent.send('run: echo one\nrun: echo never');
    expect(ended).toMatchObject({ reason: 'StoppedByHook', message: 'look first' });
    expect(await agent.results()).toHaveLength(1);
    await agent.send('say: again');
    expect(asked()).toContain('A hook ended the turn here: look first');
  });

  it('is not asked while a call of the answer waits for a person', async () => {
    const rules = { permissions: { mode: 'default' as const }, hooks: { workspace: 'Run' } };
    agent = await HookedAgent.start({ PostToolBatch: log }, rules);
    await agent.agent.send('m', 'run: touch x');
    const { approvals } = await agent.agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(await agent.text('log')).toBe('');
    await agent.agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'deny' });
    await agent.agent.settled('m');
    expect((await agent.told('log'))[0].tool_calls[0].tool_response).toMatch(/denied/);
  });
});

describe('CwdChanged', () => {
  it('is told from where to where, and not where nothing changed', async () => {
    const file = ['$', '{CLAUDE_PROJECT_DIR}/log'].join('');
    agent = await HookedAgent.start({ CwdChanged: command(`cat >> ${file}; echo >> ${file}`) });
    await agent.send('run: echo stay\nrun: mkdir sub && cd sub\nrun: pwd');
    const { home } = agent.workspace;
    const told = await eventually(
      () => agent.told('log'),
      (lines) => lines.length > 0,
    );
    const sub = join(home, 'sub');
    expect(told).toEqual([expect.objectContaining({ old_cwd: home, new_cwd: sub, cwd: sub })]);
  });

  it('may say something to a person, and end the turn', async () => {
    const said = { systemMessage: 'not there', continue: false, stopReason: 'go back' };
    agent = await HookedAgent.start({ CwdChanged: command(`echo '${JSON.stringify(said)}'`) });
    const settled = await agent.send('run: mkdir sub && cd sub\nrun: touch never');
    expect(settled).toMatchObject({ reason: 'StoppedByHook', message: 'go back' });
    expect(JSON.stringify(await agent.agent.transcript())).toContain('not there');
  });
});

it('the permission mode that hooks are told is the one of now', async () => {
  agent = await HookedAgent.start({ PreToolUse: log });
  await agent.send('tool EnterPlanMode {}\ntool Read {"file_path":"a"}');
  const told = (await agent.told('log')).map(({ permission_mode: mode }) => mode);
  expect(told).toEqual(['bypassPermissions', 'plan']);
});

describe('the working directory', () => {
  it('is the one of now for each event of a turn, and hooks run there', async () => {
    const log = (name: string) => {
      const file = ['$', `{CLAUDE_PROJECT_DIR}/${name}`].join('');
      return command(`cat >> ${file}; echo >> ${file}; pwd >> ${file}.ran`);
    };
    const [bash] = log('if') as [{ hooks: [object] }];
    agent = await HookedAgent.start({
      UserPromptSubmit: log('prompt'),
      PreToolUse: [...log('before'), { hooks: [{ ...bash.hooks[0], if: 'Read(sub/a)' }] }],
      PostToolUse: log('after'),
      Stop: log('stop'),
    });
    const { home } = agent.workspace;
    const sub = join(home, 'sub');
    await agent.workspace.put('sub/sub/a', 'text');
    await agent.send('run: cd sub\ntool Read {"file_path":"sub/a"}');
    const cwds = async (path: string) => (await agent.told(path)).map(({ cwd }) => cwd);
    expect(await cwds('prompt')).toEqual([home]);
    expect(await cwds('before')).toEqual([home, sub]);
    expect(await cwds('after')).toEqual([sub, sub]);
    expect(await cwds('stop')).toEqual([sub]);
    // A rule of a hook is held against where the call is made.
    expect(await cwds('if')).toEqual([sub]);
    expect((await agent.text('after.ran')).trim().split('\n')).toEqual([sub, sub]);
  });
});

describe('UserPromptExpansion', () => {
  const hook = (matcher: string, line: string) => ({ matcher, hooks: [{ type: 'command', command: line }] });
  const skill = (name: string) =>
    agent.workspace.put(`.claude/skills/${name}/SKILL.md`, '---\ndescription: Does it.\n---\nsay: done $0');

  it('is told which command a person called, adds to what it says, and refuses one', async () => {
    agent = await HookedAgent.start({
      UserPromptExpansion: [
        hook('deploy', 'cat >> log; echo >> log; echo >&2; echo LIST'),
        hook('destroy', 'echo "not by hand" >&2; exit 2'),
      ],
    });
    await skill('deploy');
    await skill('destroy');
    expect((await agent.send('/deploy here')).reply?.text).toContain('done here');
    expect(agent.model.texts(-1).join('\n')).toContain('LIST');
    expect(await agent.told('log')).toEqual([
      expect.objectContaining({
        ...{ expansion_type: 'slash_command', command_name: 'deploy', command_args: 'here' },
        ...{ command_source: 'user', prompt: '/deploy here' },
      }),
    ]);
    expect(await agent.send('/destroy')).toMatchObject({ reason: 'BlockedByHook', message: 'not by hand' });
    await agent.send('say: no command\ntool Skill {"skill":"deploy"}');
    expect(await agent.told('log')).toHaveLength(1);
    expect((await agent.agent.transcript()).filter((entry) => entry.messageKey)).toHaveLength(2);
  });
});

describe('StopFailure', () => {
  it('is told in place of Stop that the model refused, and by which error', async () => {
    agent = await HookedAgent.start({
      Stop: command('touch stopped'),
      StopFailure: [
        { matcher: 'model_not_found', hooks: [{ type: 'command', command: 'cat >> log; echo >> log' }] },
        { matcher: 'rate_limit', hooks: [{ type: 'command', command: 'touch limited' }] },
      ],
    });
    expect(await agent.send('fail: 404')).toMatchObject({ reason: 'ModelRefused' });
    const [told] = await eventually(
      () => agent.told('log'),
      (lines) => lines.length > 0,
    );
    expect(told).toMatchObject({
      ...{ hook_event_name: 'StopFailure', error: 'model_not_found', error_details: expect.any(String) },
      last_assistant_message: expect.stringMatching(/^API Error: /),
    });
    expect((await agent.text('stopped')) + (await agent.text('limited'))).toBe('');
  });
});

describe('PermissionRequest', () => {
  const decides = (decision: object) => prints({ decision });
  const start = (decision: object, permissions: object = {}) =>
    HookedAgent.start(
      { PermissionRequest: decides(decision) },
      { permissions: { mode: 'default', ...permissions }, hooks: { workspace: 'Run', mayAllow: true } },
    );
  const allow = (line: string) => ({ behavior: 'allow', updatedInput: { command: line } });

  it('may let another call through than the one that was asked about', async () => {
    agent = await start(allow('echo harmless'));
    await agent.send('run: touch made');
    expect((await agent.results())[0].content).toMatch(/^harmless/);
  });

  it('lets nothing through that a rule forbids, or that a person is to be asked about', async () => {
    agent = await start(allow('touch made'), { deny: ['Bash(touch *)'] });
    await agent.send('run: mkdir sub');
    expect((await agent.results())[0].content).toMatch(/^Not permitted/);
    agent.workspace.config.permissions = { mode: 'default', allow: [], deny: [], ask: ['Bash(touch *)'] };
    await agent.restart();
    await agent.agent.send('m', 'run: mkdir sub');
    const { approvals } = await agent.agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]?.summary).toBe('touch made');
    await agent.restart();
    await agent.agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    await agent.agent.settled('m');
    expect((await agent.results())[1].is_error).toBeUndefined();
    expect(await exists('made')).toEqual([true, false]);
  });

  it('changes nothing of a call that a person alone may answer', async () => {
    agent = await start(allow('echo harmless'), { ask: ['Bash(touch *)'] });
    await agent.agent.send('m', 'run: touch made');
    const { approvals } = await agent.agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]?.summary).toBe('touch made');
    await agent.agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    await agent.agent.settled('m');
    expect(await exists('made')).toEqual([true, false]);
  });

  it('may end the turn with its refusal', async () => {
    agent = await start({ behavior: 'deny', message: 'stop here', interrupt: true });
    expect(await agent.send('run: touch made')).toMatchObject({
      reason: 'StoppedByHook',
      message: 'stop here',
    });
    expect((await agent.results())[0].content).toBe('A hook refused this call: stop here');
  });

  const exists = (...paths: string[]) =>
    Promise.all(
      [...paths, 'sub'].map((path) =>
        access(join(agent.workspace.home, path)).then(
          () => true,
          () => false,
        ),
      ),
    );
});

describe('Stop', () => {
  it('goes on for what a hook adds to the context, within the limit of those in vain', async () => {
    agent = await HookedAgent.start(
      { Stop: prints({ additionalContext: 'say: what was added' }) },
      { hooks: { stopBlocks: 2 } },
    );
    expect((await agent.send('say: begin')).reply?.text).toBe('what was added');
    expect((await agent.agent.transcript()).filter((entry) => entry.hooks?.keepsGoing)).toHaveLength(2);
  });
});
