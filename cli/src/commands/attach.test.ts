import { beforeEach, describe, expect, it } from 'vitest';
import { refuse } from '../testing/gateway-stand-in.ts';
import type { Running } from '../testing/person.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();
beforeEach(() => {
  here.person.env.NO_COLOR = '1';
  here.person.env.HOME = '/home/person';
});

const position = '/home/person/.local/state/dormouse/attached';

/** What stays on the screen, a row each: what was drawn over is gone. */
function rows(output: string): string[] {
  const screen: string[] = [''];
  let row = 0;
  for (const [part] of output.matchAll(/\p{Cc}\[\??\d*[A-Za-z]|\r|\n|\P{Cc}+/gu)) {
    if (part === '\n') row += 1;
    else if (part === '\x1b[1A') row -= 1;
    else if (part === '\x1b[J') screen.splice(row, Number.POSITIVE_INFINITY, '');
    else if (part !== '\r' && !part.startsWith('\x1b')) screen[row] = part;
    screen[row] ??= '';
  }
  return screen.filter((each) => each !== '');
}

async function attached(...args: string[]): Promise<Running> {
  here.person.terminal = { in: true, out: true, err: true };
  const before = here.gateway.watched;
  const running = here.person.start('attach', 'ada', ...args);
  await expect.poll(() => here.gateway.watched).toBe(before + 1);
  await expect.poll(() => running.out()).toContain('ada › ');
  return running;
}

async function detached(running: Running): Promise<string[]> {
  running.type('\x04');
  expect((await running.ended).code).toBe(0);
  expect(here.person.raw).toBe(false);
  return rows(running.out());
}

describe('attach, at a terminal', () => {
  it('shows the end of the conversation, and then what is written as it is written', async () => {
    here.gateway.entry('user', 'how are you?', 'k0');
    here.gateway.entry('assistant', [{ type: 'text', text: 'Well.' }]);
    const running = await attached();
    expect(here.person.raw).toBe(true);
    await expect.poll(() => rows(running.out())).toEqual(['› how are you?', 'Well.', 'ada › ']);
    here.gateway.delta('I look ');
    await expect.poll(() => rows(running.out())).toContain('I look ');
    here.gateway.delta('around.');
    const call = { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls\n-la' } };
    here.gateway.entry('assistant', [{ type: 'text', text: 'I look around.' }, call]);
    here.gateway.entry('user', [{ type: 'tool_result', tool_use_id: 't', content: 'a.txt\nb.txt' }]);
    await expect.poll(() => rows(running.out())).toContain('  b.txt');
    expect(await detached(running)).toEqual([
      '› how are you?',
      'Well.',
      'I look around.',
      '→ Bash ls ⏎ -la',
      '  a.txt',
      '  b.txt',
    ]);
  });

  it('sends with Enter what was typed, and shows it once', async () => {
    here.gateway.onMessage = ({ key, text }) => {
      here.gateway.entry('user', text, key);
      here.gateway.entry('assistant', [{ type: 'text', text: 'Done.' }]);
      here.gateway.message({ key });
    };
    const running = await attached();
    running.type('make itt\x7f so\r');
    await expect.poll(() => rows(running.out())).toContain('Done.');
    const sent = here.gateway.asked.filter(({ method }) => method === 'POST');
    expect(sent.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
      ['agent/messages', { key: expect.stringMatching(/^attach-/), session: 'default', text: 'make it so' }],
    ]);
    expect(await detached(running)).toEqual(['› make it so', 'Done.']);
  });

  it('neutralises what the model and its tools send to the terminal', async () => {
    const running = await attached();
    here.gateway.delta('\x1b]0;owned\x07');
    here.gateway.entry('assistant', [
      { type: 'text', text: '\x1b]0;owned\x07' },
      { type: 'tool_use', id: 't', name: 'Ba\x1bsh', input: { command: 'echo \x9b2J' } },
    ]);
    here.gateway.entry('user', [{ type: 'tool_result', tool_use_id: 't', content: 'x\x1b[2Jy' }]);
    await expect.poll(() => running.out()).toContain('y');
    await detached(running);
    for (const bad of ['\x1b]', '\x07', '\x1bs', '\x9b', '\x1b[2J']) expect(running.out()).not.toContain(bad);
  });

  it('shows questions, and sends the answer', async () => {
    here.gateway.entry('user', 'delete it', 'k0');
    const question = {
      id: 'q1',
      session: 'default',
      toolUseId: 't',
      tool: 'Bash',
      summary: 'rm -r x',
      requestedAt: '2030-01-01T00:00:00Z',
    };
    here.gateway.approvals.push(question);
    here.gateway.status = 'waiting';
    const running = here.person.start('attach', 'ada');
    expect(await running.ended).toMatchObject({ code: 0 });
    here.person.terminal = { in: true, out: true, err: true };
    const at = here.person.start('attach', 'ada');
    await expect.poll(() => rows(at.out())).toContain('· waits for approval: Bash rm -r x');
    await expect.poll(() => rows(at.out()).at(-1)).toBe('ada (waiting) › ');
    at.type('/deny too dangerous\r');
    await expect.poll(() => here.gateway.asked.at(-1)?.path).toBe('agent/approvals/q1');
    expect(JSON.parse(here.gateway.asked.at(-1)?.body ?? '')).toEqual({
      decision: 'deny',
      reason: 'too dangerous',
    });
    here.gateway.emit({ type: 'approval', data: { id: 'q1', session: 'default', decision: 'deny' } });
    await expect.poll(() => rows(at.out())).toContain('· denied: Bash rm -r x');
    await detached(at);
  });

  it('stops the turn with Esc, and says where there is none or no right', async () => {
    const running = await attached();
    running.type('\x1b');
    await expect.poll(() => here.gateway.asked.at(-1)?.path).toBe('agent/sessions/default/interrupt');
    here.gateway.intercept = ({ path }, response) => {
      if (!path.endsWith('/interrupt')) return false;
      refuse(response, 409, 'conflict', 'Session default has no turn to stop.');
      return true;
    };
    running.type('\x1b');
    await expect.poll(() => rows(running.out())).toContain('· there is no turn to stop');
    here.gateway.intercept = (_asked, response) => {
      refuse(response, 403, 'forbidden', 'You may not approve here.');
      return true;
    };
    running.type('\x1b');
    await expect.poll(() => rows(running.out())).toContain('! You may not approve here.');
    await detached(running);
  });

  it('detaches with Ctrl-C twice, after one that clears the line', async () => {
    const running = await attached();
    running.type('nonsense');
    await expect.poll(() => rows(running.out()).at(-1)).toBe('ada › nonsense');
    running.type('\x03');
    await expect.poll(() => rows(running.out()).at(-1)).toBe('ada › ');
    running.type('\x03');
    await expect.poll(() => running.out()).toContain('Ctrl-C again');
    running.type('\x03');
    expect((await running.ended).code).toBe(0);
    expect(running.err()).toContain('detached from ada; its work goes on');
    expect(here.gateway.asked.filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('marks what was missed since the last time, and nothing of another workspace of that name', async () => {
    for (const text of ['one', 'two']) here.gateway.entry('user', text, text);
    const first = await attached();
    await expect.poll(() => rows(first.out())).toContain('› two');
    await detached(first);
    const file = `${position}/${new URL(here.person.url).host.replace(':', '%3A')}/team/ada/default.json`;
    expect(JSON.parse(here.person.files[file] ?? '')).toEqual({ uid: 'uid-of-ada', cursor: 2, entries: 2 });
    here.gateway.entry('assistant', [{ type: 'text', text: 'three' }]);
    here.gateway.message({ key: 'two', phase: 'Failed', reason: 'MaxTurns', message: 'it took too long' });
    const again = await attached();
    await expect.poll(() => rows(again.out())).toContain('! MaxTurns: it took too long');
    const shown = await detached(again);
    expect(shown).toEqual([
      '› one',
      '› two',
      '· while you were away:',
      'three',
      '! MaxTurns: it took too long',
    ]);
    here.person.files[file] = JSON.stringify({ uid: 'another', cursor: 1, entries: 1 });
    expect(await detached(await attached())).not.toContain('· while you were away:');
  });

  it('goes on after a gateway that restarted, with nothing lost and nothing twice', async () => {
    const running = await attached();
    here.gateway.entry('assistant', [{ type: 'text', text: 'before' }]);
    await expect.poll(() => rows(running.out())).toContain('before');
    await here.gateway.close();
    await expect.poll(() => rows(running.out()).join()).toContain('not connected');
    here.gateway.entry('assistant', [{ type: 'text', text: 'meanwhile' }]);
    await here.person.clock.advance(1_000);
    await here.gateway.listen();
    await expect
      .poll(async () => {
        await here.person.clock.advance(1_000);
        return here.gateway.watched;
      })
      .toBe(1);
    here.gateway.entry('assistant', [{ type: 'text', text: 'after' }]);
    await expect.poll(() => rows(running.out())).toContain('after');
    const shown = await detached(running);
    expect(shown.filter((row) => !row.includes('not connected'))).toEqual([
      'before',
      '· connected again',
      'meanwhile',
      'after',
    ]);
  });

  it('does not wake a workspace that fell asleep by connecting again, and says that it sleeps', async () => {
    const running = await attached();
    here.person.workspace('ada', { status: { phase: 'Suspended' } });
    await expect.poll(() => rows(running.out())).toContain('· ada sleeps; a message wakes it');
    const asked = here.gateway.asked.length;
    here.gateway.cut();
    await expect.poll(() => rows(running.out()).join()).toContain('not connected');
    await here.person.clock.advance(60_000);
    expect(here.gateway.asked.length).toBe(asked);
    here.person.workspace('ada', { status: { phase: 'Running' } });
    await expect.poll(() => here.gateway.watched).toBe(1);
    await detached(running);
  });

  it('delivers a message once the workspace takes it', async () => {
    const running = await attached();
    let refused = 0;
    here.gateway.intercept = ({ path }, response) => {
      if (path !== 'agent/messages' || refused === 2) return false;
      refused += 1;
      refuse(response, 503, 'unavailable', 'It does not answer now.');
      return true;
    };
    const taken: string[] = [];
    here.gateway.onMessage = ({ text }) => taken.push(text);
    running.type('hello\r');
    await expect
      .poll(async () => {
        await here.person.clock.advance(1_000);
        return taken;
      })
      .toEqual(['hello']);
    const notes = rows(running.out()).filter((row) => row.includes('not delivered yet'));
    expect(notes).toEqual(['· not delivered yet: It does not answer now.']);
    await detached(running);
  });

  it('ends, and leaves the terminal as it was, when the workspace is gone', async () => {
    const running = await attached();
    here.gateway.intercept = (_asked, response) => {
      refuse(response, 404, 'not_found', 'There is no AgentWorkspace team/ada.');
      return true;
    };
    here.gateway.cut();
    await expect.poll(() => running.out()).toContain('not connected');
    await here.person.clock.advance(1_000);
    const { code, err } = await running.ended;
    expect(code).toBe(3);
    expect(err).toContain('error: There is no AgentWorkspace team/ada');
    expect(here.person.raw).toBe(false);
  });
});

describe('attach, without a terminal', () => {
  it('sends each line and prints the replies alone', async () => {
    here.gateway.onMessage = ({ key, text }) => {
      here.gateway.entry('user', text, key);
      const call = { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'date' } };
      here.gateway.entry('assistant', [{ type: 'text', text: `You said ${text}.` }, call]);
      here.gateway.message({ key });
    };
    here.gateway.entry('user', 'of the past', 'k0');
    here.person.input = 'one\n\ntwo\n';
    const { code, out, err } = await here.person.run('attach', 'ada');
    expect({ code, out }).toEqual({ code: 0, out: 'You said one.\nYou said two.\n' });
    expect(err).toContain('→ Bash date');
  });

  it('shows nothing twice of an answer that is written down before its text has come', async () => {
    const told = (uuid: string, role: string) =>
      here.gateway.emit({ type: 'entry', data: { session: 'default', uuid, role, summary: '' } });
    here.gateway.onMessage = ({ key, text }) => {
      here.gateway.entries.set('default', [
        { uuid: 'u', messageKey: key, message: { role: 'user', content: text } },
        { uuid: 'a', message: { role: 'assistant', content: [{ type: 'text', text: 'Quick.' }] } },
      ]);
      told('u', 'user');
      here.gateway.delta('Quick.');
      told('a', 'assistant');
      here.gateway.message({ key });
    };
    here.person.input = 'go\n';
    expect(await here.person.run('attach', 'ada')).toMatchObject({ code: 0, out: 'Quick.\n' });
  });

  it('ends with 1 where a message failed', async () => {
    here.gateway.onMessage = ({ key }) =>
      here.gateway.message({ key, phase: 'Failed', reason: 'MaxTurns', message: 'too many' });
    here.person.input = 'go\n';
    const { code, err } = await here.person.run('attach', 'ada');
    expect(code).toBe(1);
    expect(err).toContain('! MaxTurns: too many');
    expect(err).toContain('error: 1 of 1 messages failed');
  });

  it('says what stands in the way', async () => {
    here.person.token = 'bad';
    expect(await here.person.run('attach', 'ada')).toMatchObject({
      code: 4,
      err: expect.stringContaining('The token is not accepted'),
    });
    here.person.workspace('ada', { spec: { runPolicy: 'Suspended' }, status: { phase: 'Suspended' } });
    expect(await here.person.run('attach', 'ada')).toMatchObject({
      code: 1,
      err: expect.stringContaining('dormouse wake ada'),
    });
    await here.gateway.close();
    here.person.workspace('ada', { status: { phase: 'Running' } });
    expect(await here.person.run('attach', 'ada')).toMatchObject({
      code: 6,
      err: expect.stringMatching(/the gateway .*does not answer.*\n.*dormouse doctor/),
    });
  });
});
