import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hooksConfig } from '../../protocol/hooks.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { eventually, type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let model: RecordingModel;
let agent: RunningAgent;
const servers: Server[] = [];

interface Change {
  permissions?: Partial<TestWorkspace['config']['permissions']>;
  hooks?: object;
}
async function start(hooks: object, { permissions = {}, hooks: rules }: Change = {}): Promise<void> {
  workspace = await TestWorkspace.create({ permissions });
  if (rules !== undefined) workspace.config.hooks = hooksConfig.parse(rules);
  endTools = await startRealTools(workspace, '/bin/false');
  await workspace.put('.claude/settings.json', JSON.stringify({ hooks }));
  model = new RecordingModel(workspace);
  agent = await workspace.start(model);
}
afterEach(async () => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
  await endTools();
  await workspace.close();
});

const command = (line: string, more: object = {}) => [
  { hooks: [{ type: 'command', command: line, ...more }] },
];
const text = (path: string) => readFile(join(workspace.home, path), 'utf8').catch(() => '');
const inputs = async (path: string): Promise<Json[]> =>
  (await text(path))
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
let count = 0;
async function send(prompt: string) {
  count += 1;
  await agent.send(`h${count}`, prompt);
  return agent.settled(`h${count}`);
}
const results = async () =>
  (await agent.transcript())
    .flatMap((entry) => entry.message.content)
    .filter((it: Json) => it.type === 'tool_result');

/** A server that answers what `answer` says of what it is sent. */
async function serve(
  answer: (body: Json, headers: Json) => { status?: number; body?: object },
): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { status = 200, body } = answer(JSON.parse(Buffer.concat(chunks).toString()), request.headers);
    response.writeHead(status).end(body === undefined ? '' : JSON.stringify(body));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

describe('hooks of a workspace', () => {
  it('are told what happens by the documented names, in the container of the tools', async () => {
    const log = (await import('node:path')).posix.join('$CLAUDE_PROJECT_DIR', 'log');
    const tell = command(`cat >> ${log}; echo >> ${log}`);
    await start({
      SessionStart: tell,
      UserPromptSubmit: tell,
      PreToolUse: tell,
      PostToolUse: tell,
      PostToolUseFailure: tell,
      Stop: tell,
    });
    await send('write a.txt: text\nrun: exit 3\nsay: bye');
    const told = await inputs('log');
    expect(told.map((it) => it.hook_event_name)).toEqual([
      ...[
        'SessionStart',
        'UserPromptSubmit',
        'PreToolUse',
        'PostToolUse',
        'PreToolUse',
        'PostToolUseFailure',
        'Stop',
      ],
    ]);
    expect(told[0]).toMatchObject({ source: 'startup', session_id: 'main', cwd: workspace.home });
    expect(told[0].transcript_path).toBe('/var/lib/dormouse/transcripts/main.jsonl');
    expect(told[1].prompt).toContain('write a.txt');
    expect(told[2]).toMatchObject({
      ...{ tool_name: 'Write', permission_mode: 'bypassPermissions' },
      tool_input: { file_path: join(workspace.home, 'a.txt'), content: 'text' },
    });
    expect(told[3]).toMatchObject({
      tool_use_id: told[2].tool_use_id,
      tool_response: { content: expect.any(String) },
    });
    expect(told[5].error).toContain('Exit code 3');
    expect(told[6]).toMatchObject({
      stop_hook_active: false,
      last_assistant_message: expect.stringContaining('bye'),
    });
    await agent.stop();
    agent = await workspace.start(model);
    await send('say: again');
    expect(
      (await inputs('log')).filter((it) => it.hook_event_name === 'SessionStart').map((it) => it.source),
    ).toEqual(['startup', 'resume']);
  });

  it('refuse a call, change its input or its output, and add to what the model knows', async () => {
    const script = `case "$(cat)" in
      *forbidden*) echo "not that" >&2; exit 2;;
      *old*) echo '{"hookSpecificOutput":{"updatedInput":{"command":"echo new"},"additionalContext":"CHANGED"}}';;
    esac`;
    const shown = `grep -q secret && echo '{"hookSpecificOutput":{"updatedToolOutput":"[withheld]"}}' || true`;
    await start({
      PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: script }] }],
      PostToolUse: command(shown),
    });
    await send('run: echo forbidden\nrun: echo old\nrun: echo secret');
    const content = (await results()).map((it: Json) => it.content);
    expect(content).toEqual([
      'A hook refused this call: not that',
      expect.stringMatching(/^new/),
      '[withheld]',
    ]);
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain('CHANGED');
  });

  it('cannot let through what a rule forbids or a person is asked about, unless the class says so', async () => {
    const allow = command(`echo '{"hookSpecificOutput":{"permissionDecision":"allow"}}'`);
    await start(
      { PreToolUse: allow },
      { permissions: { mode: 'default', deny: ['Bash(touch no)'] }, hooks: { workspace: 'Run' } },
    );
    await agent.send('asked', 'run: touch yes');
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'deny' });
    await agent.settled('asked');
    await agent.stop();
    workspace.config.hooks = hooksConfig.parse({ mayAllow: true, workspace: 'Run' });
    agent = await workspace.start(model);
    await send('run: touch yes\nrun: touch no');
    expect((await results()).at(-1).content).toMatch(/^Not permitted/);
    expect((await results()).at(-2).is_error).toBeUndefined();
  });

  it('ask a person where the rules would not, once, and are not asked again with the answer', async () => {
    await start({
      PreToolUse: command(
        `echo x >> asked; echo '{"hookSpecificOutput":{"permissionDecision":"defer","updatedInput":{"command":"echo y >> made"}}}'`,
      ),
      Notification: command('cat > note'),
    });
    await agent.send('m', 'run: touch other');
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]?.summary).toBe('echo y >> made');
    await eventually(
      () => inputs('note'),
      ([note]) => note?.notification_type === 'permission_prompt',
    );
    await agent.stop();
    agent = await workspace.start(model);
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'allow' });
    await agent.settled('m');
    expect(await text('asked')).toBe('x\n');
    expect((await results())[0].is_error).toBeUndefined();
    expect(await text('made')).toBe('y\n');
  });

  it('answer in place of a person', async () => {
    const deny = command(`echo '{"hookSpecificOutput":{"decision":{"behavior":"deny","message":"never"}}}'`);
    await start(
      { PermissionRequest: deny },
      { permissions: { mode: 'default' }, hooks: { workspace: 'Run' } },
    );
    await send('run: touch x');
    expect((await results())[0].content).toBe('A hook refused this call: never');
  });

  it('keep a prompt out of the transcript, add to one, and end a turn', async () => {
    const submit = command(
      `case "$(cat)" in *password*) echo "no passwords" >&2; exit 2;; *) echo "the day is $((1 + 1))";; esac`,
    );
    const stop = command(`grep -q halt && echo '{"continue":false,"stopReason":"halted"}' || true`);
    await start({ UserPromptSubmit: submit, PreToolUse: stop });
    expect(await send('say: my password')).toMatchObject({
      phase: 'Failed',
      reason: 'BlockedByHook',
      message: 'no passwords',
    });
    expect(await agent.transcript()).toEqual([]);
    await send('say: hello');
    expect(model.texts(-1).join('\n')).toContain('the day is 2');
    expect(await send('run: echo halt\nrun: echo more')).toMatchObject({
      reason: 'StoppedByHook',
      message: 'halted',
    });
    expect((await send('say: goes on')).phase).toBe('Completed');
  });

  it('keep a turn going until they are content, or have done so too often in vain', async () => {
    const loop = `n=$(cat n 2>/dev/null || echo 0); n=$((n + 1)); echo $n > n; [ $n -gt 3 ] || echo '{"decision":"block","reason":"say: round '$n'","systemMessage":"'$n' of 3"}'`;
    await start({ Stop: command(loop) }, { hooks: { stopBlocks: 5 } });
    expect((await send('say: begin')).reply?.text).toBe('round 3');
    const kept = (await agent.transcript()).filter((entry) => entry.hooks?.keepsGoing);
    expect(kept.map((entry) => entry.hooks.messages)).toEqual([['1 of 3'], ['2 of 3'], ['3 of 3']]);
    await workspace.put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { Stop: command(`echo '{"decision":"block","reason":"say: for ever"}'`) } }),
    );
    await send('say: begin');
    expect((await agent.transcript()).filter((entry) => entry.hooks?.keepsGoing)).toHaveLength(3 + 5);
  });

  it('are told of subagents, keep one at work, and know whose call they are asked about', async () => {
    const log = command('cat >> log; echo >> log');
    const again = `grep -q '"stop_hook_active":false' && echo '{"decision":"block","reason":"say: more"}' || true`;
    await start({
      SubagentStart: [
        { matcher: 'Explore', hooks: [{ type: 'command', command: 'echo SUBCONTEXT' }] },
        ...log,
      ],
      SubagentStop: [...command(again), ...log],
      UserPromptSubmit: log,
      PreToolUse: log,
      Stop: log,
    });
    const task = { description: 'look', prompt: 'run: echo one', subagent_type: 'Explore' };
    const { reply } = await send(`tool Agent ${JSON.stringify(task)}`);
    expect(reply?.text).toContain('more');
    const told = await inputs('log');
    expect(told.map((it) => it.hook_event_name)).toEqual([
      'UserPromptSubmit',
      'PreToolUse',
      'SubagentStart',
      'PreToolUse',
      'SubagentStop',
      'SubagentStop',
      'Stop',
    ]);
    const [, , begun, call, ended] = told;
    expect(begun).toMatchObject({ session_id: 'main', agent_type: 'Explore', agent_id: expect.any(String) });
    expect(call).toMatchObject({ tool_name: 'Bash', agent_id: begun.agent_id });
    expect(ended.agent_transcript_path).toBe(
      `/var/lib/dormouse/transcripts/main/subagents/agent-${begun.agent_id}.jsonl`,
    );
    expect(told[6].agent_id).toBeUndefined();
    expect(JSON.stringify(model.requests[1]?.messages)).toContain('SUBCONTEXT');
  });

  it('that allow a call do not answer what a rule has asked, nor what is itself a question', async () => {
    const allow = `echo '{"hookSpecificOutput":{"permissionDecision":"allow","decision":{"behavior":"allow"}}}'`;
    const settings = { PreToolUse: command(allow), PermissionRequest: command(allow) };
    await start(settings, {
      permissions: { mode: 'default', ask: ['Bash(touch *)'] },
      hooks: { workspace: 'Run', mayAllow: true },
    });
    await send('run: mkdir made');
    const question = {
      question: 'Which?',
      header: 'Q',
      options: [{ label: 'a' }, { label: 'b' }],
      multiSelect: false,
    };
    await agent.send('m', `run: touch asked`);
    const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect(approvals[0]?.summary).toBe('touch asked');
    await agent.call('POST', `/v1/approvals/${approvals[0]?.id}`, { decision: 'deny' });
    await agent.settled('m');
    await agent.send('n', `tool AskUserQuestion ${JSON.stringify({ questions: [question] })}`);
    await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
    expect((await results())[0].is_error).toBeUndefined();
  });

  it('are those of settings.json and settings.local.json', async () => {
    await start({ PreToolUse: command('echo shared >> log') });
    const local = { hooks: { PreToolUse: command('echo local >> log') } };
    await workspace.put('.claude/settings.local.json', JSON.stringify(local));
    await send('run: echo one');
    expect((await text('log')).trim().split('\n').sort()).toEqual(['local', 'shared']);
  });

  it('that fail are passed over, or refuse where they or the class say so; broken files are told of', async () => {
    const slow = (more: object) => ({
      matcher: 'Bash',
      hooks: [{ type: 'command', command: 'sleep 30', timeout: 0.2, ...more }],
    });
    await start({ PreToolUse: [slow({})] });
    await send('run: echo one');
    await workspace.put(
      '.claude/settings.json',
      JSON.stringify({ hooks: { PreToolUse: [slow({ onFailure: 'closed' })] } }),
    );
    await send('run: echo two');
    await workspace.put('.claude/settings.json', '{\n"hooks": {\n');
    await send('run: echo three');
    const content = (await results()).map((it: Json) => it.content);
    expect(content).toEqual([
      expect.stringMatching(/^one/),
      expect.stringContaining('must be asked'),
      expect.stringMatching(/^three/),
    ]);
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toMatch(/settings\.json:3: it is no JSON/);
  });

  it('run only where the rules would let their command run unasked, and it is said which do not', async () => {
    const closed = command('touch no', { onFailure: 'closed' });
    const hooks = { Stop: [...command('echo yes'), ...command('touch no')], PreToolUse: closed };
    await start(hooks, { permissions: { mode: 'default', allow: ['Bash(echo *)'] } });
    await send('run: echo hello');
    expect(await text('no')).toBe('');
    expect((await results())[0].content).toContain('no rule permits its command');
    expect(JSON.stringify(model.requests[0]?.messages)).toContain(
      'Stop: no rule permits its command `touch no`',
    );
    expect(JSON.stringify(model.requests[0]?.messages)).not.toContain('`echo yes`');
  });

  it('ask a server from where the workspace stands, and the model', async () => {
    const url = await serve((body, headers) => ({
      body: { decision: 'block', reason: `${body.tool_name} ${headers['x-key']}` },
    }));
    const http = { type: 'http', url, headers: { 'x-key': '<$HOME $PATH>' }, allowedEnvVars: ['HOME'] };
    const prompt = {
      type: 'prompt',
      prompt: 'say: {"ok": false, "reason": "the model says no"}\n<about>\n$ARGUMENTS\n</about>',
    };
    await start({ PostToolUse: [{ hooks: [http] }], PreToolUse: [{ matcher: 'Write', hooks: [prompt] }] });
    await send('run: echo one\nwrite a: b');
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain(`Bash <${workspace.home} >`);
    expect((await results())[1].content).toBe('A hook refused this call: the model says no');
  });
});

describe('hooks around a summary', () => {
  const told = async () => (await inputs('log')).map((it) => [it.hook_event_name, it.trigger ?? it.source]);
  const log = command('cat >> log; echo >> log');

  it('may refuse it, and add to what the model knows after it', async () => {
    const refuse = `grep -q '"custom_instructions":"no"' && { echo "keep it all" >&2; exit 2; } || true`;
    await start({
      PreCompact: [...command(refuse), ...log],
      PostCompact: log,
      SessionStart: [{ matcher: 'compact', hooks: [{ type: 'command', command: 'echo AFTERWARDS' }] }],
    });
    await send('remember: one');
    expect(await send('/compact no')).toMatchObject({
      reason: 'CommandFailed',
      message: '/compact changed nothing: keep it all.',
    });
    expect((await send('/compact')).phase).toBe('Completed');
    await send('recall');
    expect(JSON.stringify(model.requests.at(-1)?.messages)).toContain('AFTERWARDS');
    await eventually(told, (lines) => lines.length === 3);
    expect(await told()).toEqual([
      ['PreCompact', 'manual'],
      ['PreCompact', 'manual'],
      ['PostCompact', 'manual'],
    ]);
  });

  it('are asked about one near the end of the window, and a refusal lets the turn go on', async () => {
    await start({ PreCompact: [...command('exit 2'), ...log] });
    workspace.config.model.compactAt = 1_000;
    await agent.stop();
    agent = await workspace.start(model);
    await send(`say: ${'a'.repeat(8_000)}`);
    expect((await send('say: on')).reply?.text).toBe('on');
    expect(await told()).toEqual([['PreCompact', 'auto']]);
    expect((await agent.transcript()).some((entry) => entry.compaction !== undefined)).toBe(false);
  });
});

describe('hooks of tasks, forks, skills and subagents', () => {
  it('refuse a task, or that it is done', async () => {
    const vague = `grep -q '"task_subject":"vague"' && { echo "say more" >&2; exit 2; } || true`;
    await start({ TaskCreated: command(vague), TaskCompleted: command('echo "tests fail" >&2; exit 2') });
    const calls = [
      'tool TaskCreate {"subject":"vague","description":""}',
      'tool TaskCreate {"subject":"clear","description":"d"}',
      'tool TaskUpdate {"taskId":"1","status":"in_progress"}',
      'tool TaskUpdate {"taskId":"1","status":"completed"}',
      'tool TaskList {}',
    ];
    const text = (await send(calls.join('\n'))).reply?.text;
    expect(text).toContain('A hook refused this task: say more');
    expect(text).toContain('A hook says that this task is not done: tests fail');
    expect(text).toContain('#1 [in_progress] clear');
  });

  it('know a session that was forked', async () => {
    await start({ SessionStart: command('cat >> log; echo >> log') });
    await send('say: hi');
    await agent.call('POST', '/v1/sessions/main/fork', { session: 'other' });
    await agent.send('f', 'say: hi', 'other');
    await agent.settled('f');
    expect((await inputs('log')).map(({ source }) => source)).toEqual(['startup', 'fork']);
  });

  it('have their say while the skill is at work, and not after it', async () => {
    await start({});
    const hooks =
      'hooks:\n  PreToolUse:\n    - matcher: Bash\n      hooks: [{ type: command, command: "echo x >> seen" }]';
    await workspace.put('.claude/skills/careful/SKILL.md', `---\ndescription: Careful.\n${hooks}\n---\nBODY`);
    await send('run: echo before\ntool Skill {"skill":"careful"}\nrun: echo after');
    expect(await text('seen')).toBe('x\n');
    await send('run: echo later');
    expect(await text('seen')).toBe('x\n');
  });

  it('of a subagent have theirs in it alone, also at its end', async () => {
    await start({});
    const hooks = `hooks:\n  PreToolUse:\n    - hooks: [{ type: command, command: "echo tool >> seen" }]\n  Stop:\n    - hooks: [{ type: command, command: "echo end >> seen" }]`;
    await workspace.put(
      '.claude/agents/a.md',
      `---\nname: careful\ndescription: Careful.\n${hooks}\n---\nBe careful.`,
    );
    const task = { description: 'work', prompt: 'run: echo in it', subagent_type: 'careful' };
    await send(`run: echo outside\ntool Agent ${JSON.stringify(task)}`);
    expect(await text('seen')).toBe('tool\nend\n');
  });
});

describe('hooks of a class', () => {
  it('are asked by the agent, whatever the files of the workspace say, and must be', async () => {
    const url = await serve((body) =>
      body.tool_input.command === 'echo no'
        ? { body: { hookSpecificOutput: { permissionDecision: 'deny', permissionDecisionReason: 'policy' } } }
        : body.tool_input.command === 'echo down'
          ? { status: 500 }
          : {},
    );
    await start({}, { hooks: { workspace: 'Run', managed: [{ event: 'PreToolUse', url }] } });
    await workspace.put(
      '.claude/settings.json',
      JSON.stringify({ disableAllHooks: true, hooks: { PreToolUse: command('touch ran') } }),
    );
    await send('run: echo yes\nrun: echo no\nrun: echo down\nrun: ls');
    const content = (await results()).map((it: Json) => it.content);
    expect(content[0]).toMatch(/^yes/);
    expect(content[1]).toBe('A hook refused this call: policy');
    expect(content[2]).toContain('could not be asked');
    expect(content[3]).not.toContain('ran');
  });
});
