import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiServer } from '../../../test/support/api-server/index.ts';
import { run } from '../../../test/support/program.ts';
import { GatewayStandIn } from '../testing/gateway-stand-in.ts';
import { collections } from '../testing/person.ts';
import { TerminalStandIn } from '../testing/terminal-stand-in.ts';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));
/** Milliseconds: from its sources, on a machine that is busy, the program takes seconds to start. */
const patience = { timeout: 60_000 };

let folder: string;
let server: ApiServer;
let gateway: GatewayStandIn;
let terminal: TerminalStandIn;
let outside: ChildProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-tty-'));
  server = new ApiServer();
  gateway = await GatewayStandIn.open();
  terminal = new TerminalStandIn(gateway);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'c', cluster: { server: await server.start(), 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'good' } }],
    contexts: [{ name: 'here', context: { cluster: 'c', user: 'u', namespace: 'team' } }],
  };
  await writeFile(join(folder, 'config'), JSON.stringify(config));
  const ada = { metadata: { name: 'ada', namespace: 'team' }, spec: {}, status: { phase: 'Running' } };
  server.objects.put(collections.workspaces, 'team/ada', ada as { metadata: { name: string } });
});
afterEach(async () => {
  outside?.kill('SIGKILL');
  await gateway[Symbol.asyncDispose]();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

const file = async (name: string) => (await readFile(join(folder, name), 'utf8').catch(() => '')).trim();

/**
 * Runs the program on a real pseudo-terminal of 90 by 20, whose settings are noted before and after. Its keys are written
 * to `stdin` of what is returned.
 */
function atTerminal(...args: string[]): ChildProcess {
  const program = [process.execPath, main, ...args].map((each) => `'${each}'`).join(' ');
  const script = [
    `cd '${folder}'`,
    'stty cols 90 rows 20',
    'tty > tty; stty -g > before',
    `sh -c 'echo $$ > pid; exec "$@"' sh ${program}`,
    'echo $? > code; stty -g > after; echo over > over',
  ].join('\n');
  outside = spawn('script', ['-qec', script, '/dev/null'], {
    env: {
      ...process.env,
      KUBECONFIG: join(folder, 'config'),
      DORMOUSE_GATEWAY: gateway.url,
      XDG_STATE_HOME: folder,
      TERM: 'xterm',
      SHELL: '/bin/sh',
    },
  });
  outside.stdout?.resume();
  return outside;
}

/** The exit code of the program; the terminal's settings must be those from before. */
async function ended(): Promise<number> {
  await expect.poll(() => file('over'), patience).toBe('over');
  expect(await file('after')).toBe(await file('before'));
  return Number(await file('code'));
}

async function kill(signal: NodeJS.Signals): Promise<void> {
  process.kill(Number(await file('pid')), signal);
}

describe('at a real terminal', patience, () => {
  it('shell takes every key, follows the size of the window, and leaves the terminal as it was', async () => {
    const { stdin } = atTerminal('shell', 'ada');
    await expect.poll(() => terminal.sizes, patience).toEqual(['90x20']);
    const during = await run('stty', ['-F', await file('tty'), '-g']);
    expect(during.stdout.trim()).not.toBe(await file('before'));
    stdin?.write('\x03\x1a\x1c\x7f\r');
    await expect.poll(() => terminal.typed).toBe('\x03\x1a\x1c\x7f\r');
    await run('stty', ['-F', await file('tty'), 'cols', '120', 'rows', '40']);
    // stty sets one after the other: the size between the two may be told as well.
    await expect.poll(() => [terminal.sizes[0], terminal.sizes.at(-1)]).toEqual(['90x20', '120x40']);
    terminal.exit({ code: 7 });
    expect(await ended()).toBe(7);
  });

  it.each(['SIGTERM', 'SIGHUP'] as const)('%s ends shell with the terminal as it was', async (signal) => {
    atTerminal('shell', 'ada');
    await expect.poll(() => terminal.sizes, patience).toEqual(['90x20']);
    await kill(signal);
    expect(await ended()).toBe(signal === 'SIGTERM' ? 130 : 129);
  });

  it('attach sends a line and detaches, with the terminal as it was', async () => {
    const { stdin } = atTerminal('attach', 'ada');
    await expect.poll(() => gateway.watched, patience).toBe(1);
    const sent: string[] = [];
    gateway.onMessage = ({ text }) => sent.push(text);
    stdin?.write('\x1b[200~two\rlines\x1b[201~\r');
    await expect.poll(() => sent).toEqual(['two\nlines']);
    stdin?.write('\x04');
    expect(await ended()).toBe(0);
    if (outside.exitCode === null) await once(outside, 'exit');
  });
});
