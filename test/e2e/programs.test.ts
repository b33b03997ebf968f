import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { terminalState } from '@dormouse/agent-runtime/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../support/browser.ts';
import { classLikeDefault } from '../support/classes.ts';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { withDependencies } from '../support/packages.ts';
import { run } from '../support/program.ts';
import { suite } from '../support/suite.ts';
import { TerminalClient } from '../support/terminal.ts';
import type { WorkspaceInput } from '../support/workspaces.ts';

/**
 * Real programs over a sleep, in an image that has them (`hack/images programs`). The table in docs/concepts/process-images.md says
 * what is shown here.
 */
const here = suite('programs');
const root = fileURLToPath(new URL('../..', import.meta.url));
let ofPrograms: AsyncDisposable & { name: string };
let door: GatewayForward;
let user: string;

beforeAll(async () => {
  const cluster = process.env.DORMOUSE_CLUSTER ?? 'dormouse';
  const image = await run('hack/images', ['programs', '--name', cluster], { cwd: root });
  if (image.code !== 0) throw new Error(`no image of the programs: ${image.stderr.slice(-1000)}`);
  ofPrograms = await classLikeDefault(here.cluster, `programs-${randomBytes(3).toString('hex')}`, (spec) => {
    spec.images.workspace = image.stdout.trim();
    spec.processImages = { enabled: true, onDumpFailure: 'StayAwake' };
  });
  door = await GatewayForward.open(here.cluster);
  user = await tokenWith(here.cluster, here.workspaces.namespace, 'dormouse-cli', ['dormouse-user']);
});
afterAll(async () => {
  await door?.[Symbol.asyncDispose]();
  await ofPrograms?.[Symbol.asyncDispose]();
});

const literal = (services: NonNullable<WorkspaceInput['services']>): WorkspaceInput => ({
  classRef: { name: ofPrograms.name },
  checkpoint: { processes: 'Restore' },
  services,
});
const always = (name: string, command: string, port: number) => {
  return { name, command: ['bash', '-c', command], port, restart: 'Always' as const };
};
/** Lines for the agent: commands, one after another; and those that stay in the background without keeping it awake. */
const foreground = (command: string) => `tool Bash ${JSON.stringify({ command })}`;
const background = (command: string) =>
  `tool Bash ${JSON.stringify({ command, run_in_background: true, ignorable: true })}`;

/** A server each, with a word in its memory alone. */
const python = `
import asyncio, threading, time
word, counts = "nothing", [0, 0, 0]
def count(n):
    while True:
        counts[n] += 1
        time.sleep(0.05)
async def tick():
    while True:
        counts[2] += 1
        await asyncio.sleep(0.05)
async def handle(reader, writer):
    global word
    while line := (await reader.readline()).decode().split():
        word = line[1] if line[0] == "keep" else word
        writer.write(f"{word} {min(counts)}\\n".encode())
async def main():
    for n in (0, 1): threading.Thread(target=count, args=(n,), daemon=True).start()
    await asyncio.create_subprocess_exec("sleep", "10000")
    await asyncio.start_server(handle, "", 9001)
    await tick()
asyncio.run(main())
`;
const node = `
const { Worker } = require('node:worker_threads');
const counter = 'let n = 0; setInterval(() => n++, 50); const { parentPort: port } = require("node:worker_threads"); port.on("message", () => port.postMessage(n))';
const worker = new Worker(counter, { eval: true });
require('node:child_process').spawn('sleep', ['10000'], { stdio: 'pipe' });
let word = 'nothing';
require('node:http').createServer((request, response) => {
  if (request.url.startsWith('/keep/')) word = request.url.slice(6);
  worker.once('message', (n) => response.end(word + ' ' + n));
  worker.postMessage('?');
}).listen(9002);
`;
const java = `
import com.sun.net.httpserver.*;
word = "nothing";
handle(call) {
  path = call.getRequestURI().getPath();
  if (path.startsWith("/keep/")) word = path.substring(6);
  bytes = word.getBytes();
  call.sendResponseHeaders(200, bytes.length);
  call.getResponseBody().write(bytes);
  call.close();
}
server = HttpServer.create(new java.net.InetSocketAddress(9003), 0);
server.createContext("/", (HttpHandler) this);
server.start();
`;
const postgres = `
export PATH=/usr/lib/postgresql/15/bin:$PATH
[ -d database ] || initdb --pgdata database --auth trust
exec postgres -D database -k /tmp -c jit=off
`;
const services = () => [
  always('redis', 'exec redis-server --save "" --port 6379', 6379),
  always('postgres', postgres, 5432),
  always('python', `exec python3 -c '${python}'`, 9001),
  { name: 'node', command: ['node', '-e', node], port: 9002, restart: 'Always' as const },
  always(
    'java',
    `cat >server.bsh <<'END'\n${java}\nEND\nexec java -Xmx64m -cp /usr/share/java/bsh.jar bsh.Interpreter server.bsh`,
    9003,
  ),
];

/** Both write all the time, and connect again when their connection is gone. */
const redisClient = `exec python3 -c '
import socket, time
connections = 0
while True:
    try:
        with socket.create_connection(("127.0.0.1", 6379)) as server:
            connections += 1
            while True:
                server.sendall(b"INCR written\\r\\n")
                if not server.recv(100): break
                print(connections, file=open("redis-connections", "w"), flush=True)
                time.sleep(0.1)
    except OSError: time.sleep(0.1)
'`;
const postgresClient = `
while :; do
  echo connection >>postgres-connections
  while sleep 0.1; do echo "insert into written default values;"; done | psql --quiet --host 127.0.0.1 postgres
done`;
const jobs =
  'i=0; sleep 10000 & (while sleep 0.1; do echo tick; done) >ticks & while :; do i=$((i+1)); echo $i >count; sleep 0.1; done';
const pipeline =
  "seq 1000000 | awk '{ sum += $1; print $1, sum }' | while read -r n sum; do echo $n $sum; sleep 0.02; done >sums";
/** The last of its objects waits for the file \`go\`. */
const build = `
mkdir -p build; cd build
for name in c_lexer ds dxt easy_font image image_resize image_write perlin rect_pack sprintf truetype; do
  printf '#define STB_%s_IMPLEMENTATION\\n#include <stb/stb_%s.h>\\n' "$(tr a-z A-Z <<<$name)" $name >$name.c
done
cat >main.c <<'END'
#include <stdio.h>
int stbsp_sprintf(char *, const char *, ...);
int main() { char text[9]; stbsp_sprintf(text, "%s", "heron"); return puts(text) < 0; }
END
cat >Makefile <<'END'
all: $(patsubst %.c,%.o,$(wildcard *.c))
	$(CC) -o birds main.o sprintf.o
truetype.o: wait
wait:
	until [ -e ../go ]; do sleep 0.1; done
%.o: %.c
	$(CC) -O2 -w -c -o $@ $<
END
exec make -j2`;

const setUp = [
  foreground(`
export PATH=/usr/lib/postgresql/15/bin:$PATH
until redis-cli set bird heron; do sleep 0.2; done
until psql --host 127.0.0.1 postgres -c 'create unlogged table written (n serial)' -c 'create unlogged table bird as select $$heron$$::text as name'; do sleep 0.2; done
until [ "$(exec 3<>/dev/tcp/127.0.0.1/9001 && echo keep heron >&3 && read -t 5 -u 3 word && echo $word)" ]; do sleep 0.2; done
for port in 9002 9003; do until curl --silent --noproxy '*' http://127.0.0.1:$port/keep/heron; do sleep 0.2; done; done`),
  ...[redisClient, postgresClient, jobs, pipeline, build].map(background),
  foreground(
    'until [ -e build/sprintf.o ] && [ -s sums ] && [ -s ticks ] && [ -s redis-connections ]; do sleep 0.1; done',
  ),
].join('\n');

/** Prints a line for each program; and again once time has passed, for those that count. */
const look = `
echo "redis: $(redis-cli get bird), $(redis-cli get written) by $(cat redis-connections) connections"
echo "postgres: $(psql --host 127.0.0.1 postgres -Atc 'select name from bird'), $(psql --host 127.0.0.1 postgres -Atc 'select count(*) from written') by $(wc -l <postgres-connections) connections"
echo "python: $(exec 3<>/dev/tcp/127.0.0.1/9001 && echo ask >&3 && read -t 5 -u 3 word && echo $word)"
echo "node: $(curl --silent --noproxy '*' http://127.0.0.1:9002/)"
echo "java: $(curl --silent --noproxy '*' http://127.0.0.1:9003/)"
echo "jobs: $(until n=$(cat count); [ "$n" ]; do :; done; echo $n) $(wc -l <ticks)"
echo "pipeline: $(tail -n 1 sums)"
echo "tmux: $(tmux capture-pane -p | grep heron | tail -n 1), $(tmux display-message -p '#{session_attached} client of #{pid}')"
`;
const lookTwice = [
  foreground(`${look}sleep 1`),
  foreground(look),
  foreground(
    `touch go; echo "build: $(until build/birds 2>/dev/null; do sleep 0.1; done)"; awk 'NR != $1 || $2 != NR * (NR + 1) / 2 { print "pipeline broke at " NR; exit }' sums`,
  ),
  // Whether another server has its memory attached, PostgreSQL asks where its file does not say so.
  foreground(
    `rm database/postmaster.pid; echo "second server: $(timeout 20 /usr/lib/postgresql/15/bin/postgres -D database -k /tmp -p 6001 2>&1)"`,
  ),
].join('\n');

describe('real programs, over a sleep', () => {
  let before = '';
  let after = '';
  let tmux = '';
  const all = (text: string, name: string) =>
    [...text.matchAll(new RegExp(`^.*?${name}: (.*)$`, 'gm'))].map(([, line = '']) => line);
  /** The numbers of a line that counts: before the sleep, and twice after it. */
  const counts = (name: string, field: number) =>
    [...all(before, name).slice(-1), ...all(after, name)].map((line) => Number(line.match(/\d+/g)?.[field]));
  const goesOn = (name: string, field = 0) => {
    const [slept = 0, woke = 0, later = 0] = counts(name, field);
    expect(woke).toBeGreaterThanOrEqual(slept);
    expect(later).toBeGreaterThan(woke);
  };

  beforeAll(async () => {
    const { workspaces } = here;
    await workspaces.create('zoo', literal(services()));
    const command = ['tmux', 'new-session', 'bird=heron; while sleep 0.2; do echo "$bird $((n += 1))"; done'];
    const opened = await door.patiently(workspaces.namespace, 'zoo', 'agent/terminals', user, {
      method: 'POST',
      body: JSON.stringify({ columns: 80, rows: 24, command }),
    });
    expect(opened.status, await opened.clone().text()).toBe(201);
    tmux = terminalState.parse(await opened.json()).id;
    before = await workspaces.ask('zoo', `${setUp}\n${foreground(look)}`, 'default', 150_000);
    await workspaces.asleep('zoo');
    after = await workspaces.ask('zoo', lookTwice, 'default', 150_000);
  });

  it('all are restored, and none is lost', async () => {
    const told = await here.workspaces.processesRestored('zoo', 'True', 'Restored', /service java/);
    for (const name of ['redis', 'postgres', 'python', 'node', 'java'])
      expect(told).toContain(`service ${name}`);
    expect(told).toContain(`terminal ${tmux}`);
    expect(told.match(/background task/g)).toHaveLength(5);
  });

  it('Redis has its data, which no file has, and its client connects again', () => {
    expect(all(after, 'redis')[1]).toMatch(/^heron, \d+ by 2 connections/);
    goesOn('redis');
  });

  it('PostgreSQL has its unlogged tables, and its client connects again', () => {
    expect(all(after, 'postgres')[1]).toMatch(/^heron, \d+ by 2 connections/);
    goesOn('postgres');
  });

  it('PostgreSQL finds the shared memory of a server that runs, also after the sleep', () => {
    expect(after).toMatch(/second server: .*shared memory block .* is still in use/);
  });

  it.each(['python', 'node'])('%s has its word, and its threads, timers and child go on', (name) => {
    expect(all(after, name)[0]).toMatch(/^heron/);
    goesOn(name);
  });

  it('a JVM has its word', () => {
    expect(all(after, 'java')).toEqual(['heron', 'heron']);
  });

  it('bash and its jobs go on from where they were', () => {
    goesOn('jobs', 0);
    goesOn('jobs', 1);
  });

  it('a pipeline goes on half-way, and nothing in it is lost or comes twice', () => {
    goesOn('pipeline');
    expect(after).not.toContain('pipeline broke');
  });

  it('a build under way goes on to its end, and what it made works', () => {
    expect(all(after, 'build')).toEqual(['heron']);
  });

  it('tmux goes on, its server too, and is shown to who attaches to its terminal', async () => {
    goesOn('tmux');
    const server = (text: string) => /1 client of \d+/.exec(text)?.[0];
    expect(server(after)).toBe(server(before));
    expect(server(after)).toBeDefined();
    const url = door.url(here.workspaces.namespace, 'zoo', `agent/terminals/${tmux}`);
    using client = await TerminalClient.attach(url, user);
    const [, shown = 0] = counts('tmux', 0);
    await client.sees(`heron ${shown + 20}`);
  });
});

/** Copies an npm package with all that it needs from this checkout into the home of a workspace that is awake. */
async function copyPackage(workspace: string, name: string): Promise<void> {
  const { cluster, workspaces } = here;
  const unpack = 'setpriv --reuid 1000 --regid 1000 --clear-groups tar -x -C /home/agent';
  const script = `set -o pipefail; tar -ch $NAMES | kubectl exec -i -n ${workspaces.namespace} ${workspace} -c workspace -- bash -ec '${unpack}'`;
  const names = [...withDependencies(name)].map((each) => `node_modules/${each}`);
  const env = { KUBECONFIG: cluster.access.file, NAMES: names.join(' ') };
  const { code, stderr } = await run('bash', ['-ec', script], { cwd: root, env });
  if (code !== 0) throw new Error(`${name} was not copied: ${stderr}`);
}

describe('a development server and the page of a browser', () => {
  let forward: ChildProcess;
  afterAll(() => {
    forward?.kill();
  });

  /** Where the command line serves the service on this machine. */
  async function served(workspace: string, service: string): Promise<string> {
    const { cluster, workspaces } = here;
    const words = [
      'cli/src/main.ts',
      '--namespace',
      workspaces.namespace,
      'port-forward',
      workspace,
      service,
    ];
    forward = spawn(process.execPath, words, {
      cwd: root,
      env: { ...process.env, KUBECONFIG: cluster.access.file },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    forward.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await expect.poll(() => said, { timeout: 60_000 }).toMatch(/^http:\S+ is service/);
    return said.split(' ')[0] ?? '';
  }

  it('go on after a sleep: the page wakes the workspace, is loaded again, and follows its files', async () => {
    const { workspaces } = here;
    const serve =
      'cd site && until [ -e index.html ]; do sleep 0.2; done; exec node ../node_modules/vite/bin/vite.js --host 0.0.0.0 --port 9004 --strictPort';
    await workspaces.create('site', literal([always('vite', `mkdir -p site; ${serve}`, 9004)]));
    await workspaces.ask('site', 'say: hello');
    await copyPackage('site', 'vite');
    const files = `cd ~/site
echo '<title></title><script type="module" src="/main.js"></script>' >page
echo 'import { word } from "./word.js"; document.title = word;' >main.js
echo 'export const word = "heron";' >word.js
mv page index.html
until curl --silent --noproxy '*' http://127.0.0.1:9004/; do sleep 0.2; done
pgrep -f '[v]ite.js --host'`;
    const pid = /^(\d+)$/m.exec(await workspaces.ask('site', foreground(files)))?.[1];
    await using browser = await Browser.open(await served('site', 'vite'));
    const patiently = { timeout: 120_000 };
    await expect.poll(() => browser.evaluate('document.title'), patiently).toBe('heron');
    const loaded = await browser.evaluate('performance.timeOrigin');
    // Where the page sees that its server is gone it asks for it, which wakes the workspace, and loads itself again.
    await expect.poll(() => browser.evaluate('performance.timeOrigin'), patiently).not.toBe(loaded);
    expect((await workspaces.get('site')).status?.checkpoint?.sequence).toBeGreaterThan(0);
    await workspaces.processesRestored('site', 'True', 'Restored', /service vite/);
    const change = `echo 'export const word = "egret";' >~/site/word.js && pgrep -f '[v]ite.js --host'`;
    expect(await workspaces.ask('site', foreground(change))).toContain(pid);
    await expect.poll(() => browser.evaluate('document.title'), patiently).toBe('egret');
  });
});
