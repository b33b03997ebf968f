import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program } from '../support/build-command-line.ts';
import { tokenWith } from '../support/gateway.ts';
import { type Output, run } from '../support/program.ts';
import { suite } from '../support/suite.ts';

const here = suite('cli-gateway');
let folder: string;
const running = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-e2e-'));
  // The kubeconfig of the test has a certificate, so this account stands for it at the gateway.
  await tokenWith(here.cluster, here.workspaces.namespace, 'dormouse-cli', [
    'dormouse-user',
    'dormouse-approver',
  ]);
});
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  if (folder !== undefined) await rm(folder, { recursive: true });
});

function environment() {
  return { KUBECONFIG: here.cluster.access.file, NO_COLOR: '1', XDG_STATE_HOME: folder, TERM: 'xterm' };
}

const args = (words: string[]) => [program, '--namespace', here.workspaces.namespace, ...words];

/** The file that is shipped, in a script. */
function dormouse(words: string[], input?: string): Promise<Output> {
  return run(process.execPath, args(words), { env: environment(), ...(input !== undefined && { input }) });
}

/** The same at a pseudo-terminal of 100 by 30. */
class AtTerminal {
  shown = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(...words: string[]) {
    const command = [process.execPath, ...args(words)].map((each) => `'${each}'`).join(' ');
    this.#child = spawn('script', ['-qec', `stty cols 100 rows 30; ${command}`, '/dev/null'], {
      env: { ...process.env, ...environment(), SHELL: '/bin/sh' },
    });
    running.add(this.#child);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text;
    });
    this.ended = new Promise((resolve) => this.#child.once('close', resolve));
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  async sees(text: string): Promise<void> {
    await expect.poll(() => this.shown, { timeout: 90_000 }).toContain(text);
  }

  /** Waits for the agent to say something on a row of its own, and to be done with it. */
  async hears(text: string): Promise<void> {
    // A terminal makes a line's end of its own of \n, whatever stands before it.
    const answered = new RegExp(`\\(working\\)[^]*\x1b\\[J${text}\r*\n[^]*\x1b\\[J\\w+ › `);
    await expect.poll(() => this.shown, { timeout: 90_000 }).toMatch(answered);
  }
}

describe('the command line, through the gateway', () => {
  it('attaches in a script: wakes the workspace, and prints what the agent says', async () => {
    const { workspaces } = here;
    await workspaces.create('talk');
    await workspaces.ask('talk', 'say: hello');
    await workspaces.asleep('talk');
    const { code, stdout, stderr } = await dormouse(['attach', 'talk'], 'run: echo "it is $((6 * 7))"\n');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('it is 42');
    expect(stderr).toContain(`ServiceAccount ${workspaces.namespace}/dormouse-cli`);
  });

  it('attaches at a terminal, lets the workspace sleep, wakes it by a message, and shows later what was missed', async () => {
    const { workspaces } = here;
    await workspaces.create('ada');
    const first = new AtTerminal('attach', 'ada');
    await first.sees('ada › ');
    first.type('say: first words\r');
    await first.sees('› say: first words');
    await first.hears('first words');
    await workspaces.asleep('ada');
    await first.sees('ada sleeps; a message wakes it');
    first.type('say: second words\r');
    await first.hears('second words');
    first.type('\x04');
    expect(await first.ended).toBe(0);

    await workspaces.ask('ada', 'say: third words');
    const second = new AtTerminal('attach', 'ada');
    await second.sees('while you were away:');
    expect(second.shown.split('while you were away:')[1]).toContain('third words');
    expect(second.shown.split('while you were away:')[1]).not.toContain('second words');
    second.type('\x04');
    expect(await second.ended).toBe(0);
  });

  it('stops a turn with Esc', async () => {
    const { workspaces } = here;
    await workspaces.create('busy');
    const terminal = new AtTerminal('attach', 'busy');
    await terminal.sees('busy › ');
    terminal.type('run: sleep 100\r');
    await terminal.sees('→ Bash');
    terminal.type('\x1b');
    await terminal.sees('! Interrupted');
    terminal.type('\x04');
    expect(await terminal.ended).toBe(0);
  });

  it('answers from elsewhere what the agent asks, also after it fell asleep over it, and forks the session', async () => {
    const { workspaces } = here;
    await workspaces.create('careful', { agent: { permissionMode: 'default' } });
    const terminal = new AtTerminal('attach', 'careful');
    await terminal.sees('careful › ');
    terminal.type('run: echo "it is $((6 * 7))"\r');
    await terminal.sees('waits for approval: Bash');
    await workspaces.asleep('careful');
    const [question] = JSON.parse((await dormouse(['approve', 'careful', '-o', 'json'])).stdout);
    expect(await dormouse(['approve', 'careful', question.id])).toMatchObject({ code: 0 });
    await terminal.sees('allowed: Bash');
    await terminal.sees('it is 42');
    const { stdout } = await dormouse(['fork', 'careful', 'other']);
    expect(stdout).toMatch(/^session other begins with \d+ entries of default\n$/);
    terminal.type('\x04');
    expect(await terminal.ended).toBe(0);
  });

  it('opens a shell: keys, size, exit code, and again after it was left', async () => {
    const { workspaces } = here;
    await workspaces.create('shell');
    const { code, stdout } = await dormouse(['shell', 'shell', '--', 'sh', '-c', 'id -u; exit 7']);
    expect([code, stdout.trim()]).toEqual([7, '1000']);

    const first = new AtTerminal('shell', 'shell', '--label', 'main');
    await first.sees('$ ');
    first.type('stty size; echo left | tr a-z A-Z\r');
    await first.sees('30 100');
    await first.sees('\r\nLEFT');
    first.type('\r~.');
    expect(await first.ended).toBe(0);
    const id = /--attach (\S+)/.exec(first.shown)?.[1] ?? '';
    expect((await dormouse(['shell', 'shell', '--list'])).stdout).toMatch(
      new RegExp(`^${id} +main +bash -l`, 'm'),
    );

    const second = new AtTerminal('shell', 'shell', '--attach', id);
    await second.sees('\r\nLEFT');
    second.type('exit 3\r');
    expect(await second.ended).toBe(3);
  });

  it('goes on with a shell that slept with its workspace: at the next key, and by its id', async () => {
    const { workspaces } = here;
    await workspaces.create('long', {
      classRef: { name: 'literal-resume' },
      checkpoint: { processes: 'Restore' },
    });
    const first = new AtTerminal('shell', 'long', '--label', 'main');
    await first.sees('$ ');
    first.type('bird=heron; cd /tmp; sleep 4321 & echo "pid $$" | tr a-z A-Z\r');
    await first.sees('\r\nPID ');
    const pid = /\r\nPID (\d+)/.exec(first.shown)?.[1];
    await workspaces.asleep('long');
    await first.sees('a key wakes both');
    expect((await workspaces.get('long')).status?.phase).toBe('Suspended');
    first.type(' ');
    // The screen is drawn again.
    await first.sees('\x1b[H\x1b[2J');
    first.type('echo "$bird in $PWD is $$"; jobs | tr a-z A-Z\r');
    await first.sees(`heron in /tmp is ${pid}`);
    await first.sees('RUNNING');
    const withMemory = /with their memory: terminal t1-\w+ \(main\)/;
    await workspaces.processesRestored('long', 'True', 'Restored', withMemory);
    first.type('\r~.');
    expect(await first.ended).toBe(0);
    const id = /--attach (\S+)/.exec(first.shown)?.[1] ?? '';

    await workspaces.asleep('long');
    const second = new AtTerminal('shell', 'long', '--attach', id);
    await second.sees(`heron in /tmp is ${pid}`);
    second.type('kill %1; wait; exit $(printf "$bird" | wc -c)\r');
    expect(await second.ended).toBe(5);
  });

  it('copies folders in and out', async () => {
    const { workspaces } = here;
    await workspaces.create('files');
    await mkdir(join(folder, 'data', 'sub'), { recursive: true });
    const large = Buffer.alloc(20_000_000, 'dormouse');
    await writeFile(join(folder, 'data', 'sub', 'large'), large);
    expect(await dormouse(['cp', join(folder, 'data'), 'files:'])).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await workspaces.inWorkspace('files', 'stat -c "%u %s" ~/data/sub/large');
    expect(stdout).toBe('1000 20000000\n');
    expect(await dormouse(['cp', 'files:data', join(folder, 'back')])).toMatchObject({ code: 0, stderr: '' });
    expect((await readFile(join(folder, 'back', 'sub', 'large'))).equals(large)).toBe(true);
    expect(await dormouse(['cp', 'files:nothing', folder])).toMatchObject({ code: 3 });
  });

  it("is the user of the workspace, without rights, also where its container is root's", async () => {
    await here.workspaces.create('images', {
      classRef: { name: 'literal-resume' },
      checkpoint: { processes: 'Restore' },
    });
    await here.workspaces.ask('images', 'run: mkdir -m 700 own && echo kept > own/file');
    const shell = new AtTerminal('shell', 'images');
    await shell.sees('$ ');
    shell.type('echo "has: $(grep CapEff /proc/self/status | tr -d "[:space:]")"\r');
    await shell.sees('has: CapEff:0000000000000000');
    shell.type('exit\r');
    expect(await shell.ended).toBe(0);
    await writeFile(join(folder, 'given'), 'given');
    expect(await dormouse(['cp', join(folder, 'given'), 'images:own/'])).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await here.workspaces.ask('images', 'run: stat -c %u own/given; rm own/given')).toMatch(
      /\b1000\b/,
    );
    expect(await dormouse(['cp', 'images:own/file', join(folder, 'taken')])).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await readFile(join(folder, 'taken'), 'utf8')).toBe('kept\n');
  });

  it('forwards a port, which wakes the workspace', async () => {
    const { workspaces } = here;
    const serve =
      'mkdir -p site && echo "from the workspace" > site/page.txt && cd site && exec python3 -m http.server 8000';
    await workspaces.create('web', {
      services: [{ name: 'site', command: ['bash', '-c', serve], port: 8000, restart: 'Always' }],
    });
    await workspaces.ask('web', 'say: hello');
    await workspaces.asleep('web');
    const forward = spawn(process.execPath, args(['port-forward', 'web', 'site']), {
      env: { ...process.env, ...environment() },
    });
    running.add(forward);
    let said = '';
    forward.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await expect.poll(() => said, { timeout: 30_000 }).toMatch(/^http:\S+ is service site/);
    const url = said.split(' ')[0];
    expect(await (await fetch(`${url}/page.txt`)).text()).toBe('from the workspace\n');
    const ended = new Promise((resolve) => forward.once('close', resolve));
    forward.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});
