import { beforeEach, describe, expect, it } from 'vitest';
import { refuse } from '../testing/gateway-stand-in.ts';
import { collections, type Running } from '../testing/person.ts';
import { TerminalStandIn } from '../testing/terminal-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();
let terminal: TerminalStandIn;
beforeEach(() => {
  here.person.env.TERM = 'xterm';
  terminal = new TerminalStandIn(here.gateway);
});

async function opened(...args: string[]): Promise<Running> {
  here.person.terminal = { in: true, out: true, err: true };
  const running = here.person.start('shell', 'ada', ...args);
  await expect.poll(() => terminal.sizes.length).toBe(1);
  return running;
}

it('lists nothing of a workspace that sleeps, and does not wake it', async () => {
  here.person.status(collections.workspaces, 'ada', { phase: 'Suspended' });
  expect(await here.person.run('shell', 'ada', '--list')).toMatchObject({
    code: 0,
    err: expect.stringContaining('it sleeps'),
  });
  expect(here.gateway.asked).toEqual([]);
});

describe('shell, at a terminal', () => {
  it('joins the two, and ends with the exit code of the command', async () => {
    const running = await opened('--label', 'main', '--', 'make', '-j', 'test');
    expect(terminal.opened).toEqual([
      { columns: 100, rows: 30, term: 'xterm', command: ['make', '-j', 'test'], name: 'main' },
    ]);
    expect(here.person.raw).toBe(true);
    terminal.show('\x1b[1mready\x1b[0m ');
    await expect.poll(running.out).toBe('\x1b[1mready\x1b[0m ');
    running.type('l\x03s\r');
    await expect.poll(() => terminal.typed).toBe('l\x03s\r');
    terminal.exit({ code: 7 });
    expect((await running.ended).code).toBe(7);
    expect(here.person.raw).toBe(false);
  });

  it('tells the workspace when the window gets another size', async () => {
    const running = await opened();
    here.person.resize(132, 50);
    await expect.poll(() => terminal.sizes).toEqual(['100x30', '132x50']);
    terminal.exit({ code: 0 });
    expect((await running.ended).code).toBe(0);
  });

  it('has the exit code of a shell for a signal, and says why where the workspace ended it', async () => {
    const running = await opened();
    terminal.exit({ signal: 'SIGHUP', message: 'The workspace went to sleep.' });
    expect(await running.ended).toMatchObject({
      code: 129,
      err: expect.stringContaining('The workspace went to sleep.'),
    });
  });

  it('detaches with ~. and leaves the terminal plain; the command goes on', async () => {
    const running = await opened();
    terminal.show('\x1b[?1049h');
    running.type('vi\r~.');
    const { code, out, err } = await running.ended;
    expect(code).toBe(0);
    expect(out).toContain('\x1b[?1049l');
    expect(err).toContain('Join it again:  dormouse shell ada --attach t1 --namespace team');
    expect(here.person.raw).toBe(false);
    await expect.poll(() => terminal.typed).toBe('vi\r');
    await expect.poll(() => terminal.clients).toBe(0);
    expect(terminal.open).toBe(true);
  });

  it('joins again when the connection breaks, and is shown what it missed', async () => {
    const running = await opened();
    terminal.show('one ');
    await expect.poll(running.out).toContain('one ');
    await terminal.cut();
    terminal.show('two ');
    await expect.poll(running.err).toContain('not connected');
    await here.person.clock.advance(1_000);
    await expect.poll(running.out).toBe('one \x1b[H\x1b[2Jone two ');
    expect(terminal.sizes).toEqual(['100x30', '100x30']);
    running.type('x');
    await expect.poll(() => terminal.typed).toBe('x');
    terminal.exit({ code: 0 });
    await running.ended;
  });

  it('stays when the workspace sleeps with its terminals, and joins again at a key, which is not typed', async () => {
    const running = await opened();
    terminal.show('before ');
    await expect.poll(running.out).toContain('before');
    terminal.sleep();
    await expect.poll(running.err).toContain('a key wakes both');
    expect(terminal.clients).toBe(0);
    running.type(' ');
    const rejoined = async () => {
      await here.person.clock.advance(1_000);
      return terminal.sizes.length;
    };
    await expect.poll(rejoined).toBe(2);
    running.type('ls\r');
    await expect.poll(() => terminal.typed).toBe('ls\r');
    terminal.sleep();
    await expect.poll(() => terminal.clients).toBe(0);
    running.type('\r~.');
    expect((await running.ended).code).toBe(0);
  });

  it('can be left while it is not connected', async () => {
    const running = await opened();
    await terminal.cut();
    await here.gateway.close();
    await expect.poll(running.err).toContain('not connected');
    running.type('\r~.');
    expect((await running.ended).code).toBe(0);
    expect(here.person.raw).toBe(false);
  });

  it('ends when the terminal is gone', async () => {
    const running = await opened();
    terminal.open = false;
    await terminal.cut();
    await expect.poll(running.err).toContain('not connected');
    await here.person.clock.advance(1_000);
    expect(await running.ended).toMatchObject({
      code: 1,
      err: expect.stringMatching(/terminal t1 has ended[\s\S]*workspace starts again/),
    });
    expect(here.person.raw).toBe(false);
  });

  it('ends at a signal with the terminal as it was', async () => {
    const running = await opened();
    running.interrupt();
    expect((await running.ended).code).toBe(130);
    expect(here.person.raw).toBe(false);
  });
});

describe('shell, in a script', () => {
  it('types what is on standard input, then its end', async () => {
    here.person.input = 'echo ~.\n';
    terminal.onTyped = (text) => {
      if (!text.includes('\x04')) return;
      terminal.show('done\r\n');
      terminal.exit({ code: 0 });
    };
    expect(await here.person.run('shell', 'ada')).toMatchObject({ code: 0, out: 'done\r\n' });
    expect(terminal.typed).toBe('echo ~.\n\x04');
  });

  it('ends a line that has no end, for the end of input counts at the beginning of one only', async () => {
    here.person.input = 'echo no end';
    terminal.onTyped = (text) => text.includes('\x04') && terminal.exit({ code: 0 });
    expect((await here.person.run('shell', 'ada')).code).toBe(0);
    expect(terminal.typed).toBe('echo no end\n\x04');
  });

  it('opens its terminal once a checkpoint is over, and asks once where it is not known whether one was opened', async () => {
    const { intercept } = here.gateway;
    const refusals: [number, string][] = [
      [409, 'checkpointing'],
      [502, 'bad_gateway'],
    ];
    here.gateway.intercept = (asked, response) => {
      const [status, code] = (asked.method === 'POST' && refusals.shift()) || [];
      if (status === undefined) return intercept(asked, response);
      refuse(response, status, code ?? '', 'Not now.');
      return true;
    };
    const running = here.person.start('shell', 'ada');
    await expect
      .poll(async () => {
        await here.person.clock.advance(1_000);
        return running.err();
      })
      .toContain('error: Not now');
    expect((await running.ended).code).toBe(6);
    expect(here.gateway.asked.filter(({ method }) => method === 'POST')).toHaveLength(2);
  });

  it('does not show twice what it has shown: it ends when the connection is lost', async () => {
    const running = here.person.start('shell', 'ada');
    await expect.poll(() => terminal.sizes.length).toBe(1);
    await terminal.cut();
    expect(await running.ended).toMatchObject({
      code: 6,
      err: expect.stringContaining('--attach t1'),
    });
  });

  it('ends when the terminal falls asleep, and says how to join it again', async () => {
    const running = here.person.start('shell', 'ada', '--', 'make');
    await expect.poll(() => terminal.clients).toBe(1);
    terminal.sleep();
    expect(await running.ended).toMatchObject({ code: 6, err: expect.stringContaining('--attach t1') });
  });

  it('lists terminals, and says which is not there', async () => {
    const { out } = await here.person.run('shell', 'ada', '--list');
    expect(out).toMatch(/^ID +NAME +COMMAND +SIZE +CLIENTS +AGE\nt1 +- +bash -l +80x24 +0 +0s\n$/);
    terminal.open = false;
    expect(await here.person.run('shell', 'ada', '--attach', 't1')).toMatchObject({
      code: 3,
      err: expect.stringContaining('has no terminal "t1"'),
    });
  });
});
