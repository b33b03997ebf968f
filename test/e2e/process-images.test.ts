import { describe, expect, it } from 'vitest';
import { ask, keeper, said } from '../support/keeper.ts';
import { onNode } from '../support/nodes.ts';
import { suite } from '../support/suite.ts';
import { occurrences, type WorkspaceInput, Workspaces } from '../support/workspaces.ts';

const here = suite('images');

/** As the server of `keeper`, in JavaScript, whose runtime would use io_uring. */
const scripted = `
let word = 'nothing';
require('http').createServer((request, response) => {
  if (request.url.startsWith('/keep/')) word = request.url.slice(6);
  response.end('pid ' + process.pid + ' keeps ' + word);
}).listen(8081);
`;

const literal: WorkspaceInput = {
  classRef: { name: 'literal-resume' },
  checkpoint: { processes: 'Restore' },
  services: [
    keeper('memory', 8080),
    { name: 'scripted', command: ['node', '-e', scripted], port: 8081, restart: 'Always' },
  ],
};

/** It counts in a variable, and prints each number. */
const counter =
  'tool Bash {"command": "echo $$ > counter.pid; i=0; while :; do i=$((i+1)); echo $i > count; echo $i; sleep 0.1; done", "run_in_background": true, "ignorable": true}';

/** The folder of a workspace's process images on the node that last ran it. */
async function imagesOf(workspace: string): Promise<{ node: string; folder: string }> {
  const { cluster, workspaces } = here;
  const claim = await cluster.get<never>(workspaces.claim(workspace));
  const uid = (claim as unknown as { metadata: { uid: string } }).metadata.uid;
  for (const { metadata } of await cluster.list('v1', 'Node')) {
    const found = await onNode(
      metadata.name,
      `find /var -type d -path '*${uid}*/processes/images' -not -path '*/pods/*' 2>/dev/null | head -n 1`,
    );
    if (found.trim() !== '') return { node: metadata.name, folder: found.trim() };
  }
  throw new Error(`no node holds process images of ${workspace}`);
}

describe('processes of a workspace whose class has process images', () => {
  it('outlive a sleep with their memory, under their ids, twice', async () => {
    const { workspaces } = here;
    await workspaces.create('literal', literal);
    const first = said(await workspaces.ask('literal', ask(8080, '/keep/heron')));
    const second = said(await workspaces.ask('literal', ask(8081, '/keep/egret')));
    expect(first).toContain('keeps heron');
    expect(second).toContain('keeps egret');
    await workspaces.ask('literal', counter);
    let counted = 0;
    for (const wake of [1, 2]) {
      await workspaces.asleep('literal');
      expect(said(await workspaces.ask('literal', ask(8080)))).toBe(first);
      expect(said(await workspaces.ask('literal', ask(8081)))).toBe(second);
      const all = /with their memory: .*service memory.*service scripted.*background task/;
      await workspaces.processesRestored('literal', 'True', 'Restored', all);
      // The task that counts is the one that was started, and went on from where it was. The file is empty for a moment at each number.
      const reply = await workspaces.ask(
        'literal',
        'run: sleep 1; ps -o args= -p $(cat counter.pid) | cut -c 1-7; echo "at $(until grep . count; do :; done)"; wc -l < $(ls /var/lib/dormouse-processes/background/*.log)',
      );
      expect(reply).toContain('bash -c');
      const now = Number(/at (\d+)/.exec(reply)?.[1]);
      expect(now).toBeGreaterThan(counted);
      counted = now;
      expect(occurrences(await workspaces.transcript('literal'), 'user', 'go on where they were')).toBe(wake);
    }
    // A number is missing where it started afresh, or where what it printed went nowhere.
    const { stdout } = await workspaces.inWorkspace(
      'literal',
      'cat /var/lib/dormouse-processes/background/*.log | awk \'NR != $1 { print "line " NR " says " $1; exit }\'',
    );
    expect(stdout).toBe('');
  });

  it('have no right more than elsewhere', async () => {
    const { workspaces } = here;
    await workspaces.create('rights', literal);
    const status = await workspaces.ask(
      'rights',
      'run: id -u; grep -E "Cap(Inh|Prm|Eff|Amb)|NoNew" /proc/self/status',
    );
    expect(status).toMatch(/\b1000\b/);
    expect(status.match(/Cap\w+:\s+0{16}/g)).toHaveLength(4);
    expect(status).toMatch(/NoNewPrivs:\s+1/);
  });

  it('start afresh where their image is damaged, the others do not, and the condition says so', async () => {
    const { workspaces } = here;
    await workspaces.create('damaged', literal);
    await workspaces.ask('damaged', ask(8080, '/keep/heron'));
    const second = said(await workspaces.ask('damaged', ask(8081, '/keep/egret')));
    await workspaces.asleep('damaged');
    const { node, folder } = await imagesOf('damaged');
    await onNode(node, `truncate -s 4096 ${folder}/*/service-memory/pages-1.img`);
    expect(said(await workspaces.ask('damaged', ask(8080)))).toContain('keeps nothing');
    expect(said(await workspaces.ask('damaged', ask(8081)))).toBe(second);
    await workspaces.processesRestored(
      'damaged',
      'False',
      'RestoreFailed',
      /service memory: pages-1\.img of its image has 4096 bytes, not \d+.*with their memory: service scripted.*service memory/,
    );
    expect(
      occurrences(await workspaces.transcript('damaged'), 'user', 'service memory were started afresh'),
    ).toBe(1);
  });
});

describe('a workspace that asks for process images', () => {
  it('of a class that has none gets its services started afresh, and is told so', async () => {
    const { workspaces } = here;
    const { classRef: _, ...spec } = literal;
    await workspaces.create('plain', spec);
    await workspaces.condition('plain', 'ClassResolved', 'True', 'Clamped');
    await workspaces.ask('plain', ask(8080, '/keep/heron'));
    await workspaces.asleep('plain');
    expect(said(await workspaces.ask('plain', ask(8080)))).toContain('keeps nothing');
    await workspaces.processesRestored(
      'plain',
      'False',
      'NotSupported',
      /has no process images.*service memory/,
    );
  });

  it('in a namespace that refuses such pods is told what to change', async () => {
    const { cluster } = here;
    const level = { 'pod-security.kubernetes.io/enforce': 'baseline' };
    await using namespace = await cluster.namespace('e2e-images-refused', level);
    const workspaces = new Workspaces(cluster, namespace.name);
    await workspaces.create('refused', literal);
    await workspaces.send('refused', 'say: hello');
    expect(await workspaces.condition('refused', 'PodRunning', 'False', 'PodRefused')).toMatch(
      /pod-security\.kubernetes\.io\/enforce=privileged/,
    );
  });
});
