import { runtimeState } from '@dormouse/agent-runtime/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalWorkspace } from '../testing/local-workspace.ts';
import { Person, type Running } from '../testing/person.ts';

const patience = { timeout: 60_000 };
let person: Person;
let workspace: LocalWorkspace;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.token = 'good';
}, 60_000);
afterEach(async () => {
  await workspace[Symbol.asyncDispose]();
  await person[Symbol.asyncDispose]();
});

async function started(permissions?: Parameters<typeof LocalWorkspace.start>[1]): Promise<void> {
  workspace = await LocalWorkspace.start(person, permissions);
  person.env = { DORMOUSE_GATEWAY: workspace.url, TERM: 'xterm', NO_COLOR: '1', HOME: '/home/person' };
}

function atTerminal(...args: string[]): Running {
  person.terminal = { in: true, out: true, err: true };
  return person.start(...args);
}

const shows = (running: Running, text: string | RegExp) =>
  expect.poll(running.out, { timeout: 20_000 }).toMatch(text);

/** What the agent said, on a row of its own, and that it is done with it. */
const answered = (text: string) => new RegExp(`\\(working\\)[^]*\u001b\\[J${text}\r\n[^]*\u001b\\[Jada › `);

describe('shell, with the real gateway, agent and terminal', patience, () => {
  it('types, follows the size of the window, detaches, joins again, and has the exit code of the command', async () => {
    await started();
    const first = atTerminal('shell', 'ada', '--label', 'main', '--', 'bash', '--norc');
    await shows(first, /bash\S*[#$] /);
    first.type('stty size; echo "left in $PWD" | tr a-z A-Z\r');
    await shows(first, `30 100\r\nLEFT IN ${workspace.home.toUpperCase()}\r\n`);
    person.resize(132, 50);
    first.type('stty size\r');
    await shows(first, '50 132\r\n');
    first.type('~.');
    const { code, err } = await first.ended;
    expect(code).toBe(0);
    const id = /--attach (\S+)/.exec(err)?.[1] ?? '';

    person.terminal = { in: false, out: false, err: false };
    const { out } = await person.run('shell', 'ada', '--list');
    expect(out).toMatch(new RegExp(`^${id} +main +bash --norc +132x50 +0 `, 'm'));

    const second = atTerminal('shell', 'ada', '--attach', id);
    await shows(second, 'LEFT IN');
    second.type('exit 7\r');
    expect((await second.ended).code).toBe(7);
    expect(await person.run('shell', 'ada', '--attach', id)).toMatchObject({ code: 7 });
  });
});

describe('attach, with the real gateway and agent', patience, () => {
  it('shows text and tools as they come, and what was missed meanwhile', async () => {
    await started();
    const first = atTerminal('attach', 'ada');
    await shows(first, 'ada › ');
    first.type('run: echo "it is $((6 * 7))"\r');
    await shows(first, '→ Bash echo');
    await shows(first, 'it is 42');
    first.type('say: first words\r');
    await shows(first, answered('first words'));
    first.type('\x04');
    expect((await first.ended).code).toBe(0);

    person.terminal = { in: false, out: false, err: false };
    person.input = 'say: second words\n';
    expect(await person.run('attach', 'ada')).toMatchObject({ code: 0, out: 'second words\n' });

    const forked = await person.run('fork', 'ada', 'other');
    expect(forked.out).toMatch(/^session other begins with \d entries of default\n$/);
    const other = atTerminal('attach', 'ada', '--session', 'other');
    await shows(other, /it is 42.*first words.*second words.*ada\/other › /s);
    other.type('\x04');
    await other.ended;

    const again = atTerminal('attach', 'ada');
    await shows(again, /while you were away:.*second words/s);
    expect(again.out().split('while you were away:')[1]).not.toContain('first words');
    again.type('\x04');
    expect((await again.ended).code).toBe(0);
  });

  it('stops a turn with Esc', async () => {
    await started();
    const running = atTerminal('attach', 'ada');
    await shows(running, 'ada › ');
    running.type('run: sleep 600\r');
    await shows(running, '→ Bash sleep 600');
    running.type('\x1b');
    await shows(running, '! Interrupted');
    running.type('\x04');
    expect((await running.ended).code).toBe(0);
  });

  it('shows a question, and answers it', async () => {
    await started({ mode: 'default', allow: [], ask: [], deny: [] });
    const running = atTerminal('attach', 'ada');
    await shows(running, 'ada › ');
    running.type('run: echo "it is $((6 * 7))"\r');
    await shows(running, 'waits for approval: Bash');
    running.type('/allow\r');
    await shows(running, 'allowed: Bash');
    await shows(running, 'it is 42');
    running.type('run: echo twice\r');
    await shows(running, /allowed: Bash.*waits for approval: Bash/s);
    person.terminal = { in: false, out: false, err: false };
    // There is no operator, so the status does not tell it.
    const state = await fetch(`${workspace.url}/v1/namespaces/team/workspaces/ada/agent/state`, {
      headers: { authorization: 'Bearer good' },
    });
    const [question] = runtimeState.parse(await state.json()).approvals;
    if (question === undefined) throw new Error('nothing waits');
    const denied = await person.run('approve', 'ada', question.id, '--deny', '--reason', 'once is enough');
    expect(denied).toMatchObject({ code: 0, out: expect.stringContaining('denied: Bash') });
    await shows(running, /denied: Bash.*once is enough/s);
    running.type('\x04');
    expect((await running.ended).code).toBe(0);
  });

  it('goes on when the agent was killed and starts again', async () => {
    await started();
    const running = atTerminal('attach', 'ada');
    await shows(running, 'ada › ');
    running.type('say: before\r');
    await shows(running, answered('before'));
    await workspace.killAgent();
    running.type('say: after\r');
    await shows(running, '› say: after');
    await workspace.startAgent();
    await expect
      .poll(
        async () => {
          await person.clock.advance(1_000);
          return running.out();
        },
        { timeout: 20_000 },
      )
      .toMatch(answered('after'));
    running.type('\x04');
    expect((await running.ended).code).toBe(0);
  });
});
