/** `hack/cluster` as a developer uses it, on a second cluster beside the one that the other tests run on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { clusterName } from '../support/nodes.ts';
import { type Output, run } from '../support/program.ts';
import { Move, secondInstallation } from './move.ts';

const program = fileURLToPath(new URL('../../hack/cluster', import.meta.url));
const second = 'dormouse-beside';

function cluster(command: string, name: string): Promise<Output> {
  return run(program, [command, '--name', name]);
}

/** Names of containers in the engine, those that do not run included. */
async function containers(): Promise<string[]> {
  const { stdout, stderr, code } = await run('docker', ['ps', '--all', '--format', '{{.Names}}']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.split('\n').filter((name) => name !== '');
}

async function nodes(name: string): Promise<string[]> {
  const kubeconfig = (await cluster('kubeconfig', name)).stdout.trim();
  const { stdout } = await run('kubectl', ['--kubeconfig', kubeconfig, 'get', 'nodes', '--output', 'name']);
  return stdout.split('\n').filter((line) => line !== '');
}

/** Whether its nodes are made by us, not kind's own. */
async function fromSource(name: string): Promise<boolean> {
  const { stdout } = await run('docker', ['inspect', '--format', '{{.Config.Image}}', `${name}-worker`]);
  return stdout.startsWith('dormouse.dev/node:');
}

afterAll(async () => {
  if ((await containers()).some((name) => name.startsWith(second))) await cluster('down', second);
});

describe('a second cluster', () => {
  it('that was interrupted while it was made is made anew by the next up', async () => {
    const making = spawn(program, ['up', '--name', second], { stdio: 'ignore' });
    const ended = once(making, 'exit');
    await expect
      .poll(async () => (await containers()).filter((name) => name.startsWith(second)), { timeout: 120_000 })
      .not.toEqual([]);
    making.kill('SIGTERM');
    await ended;
    const half = await cluster('status', second);
    expect(half.code).toBe(1);
    expect(half.stdout).toContain(`${second} is not ready`);

    const { code, stderr } = await cluster('up', second);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('made anew');
    expect(await nodes(second)).toEqual([`node/${second}-control-plane`, `node/${second}-worker`]);
    expect(await nodes(clusterName)).toEqual([
      `node/${clusterName}-control-plane`,
      `node/${clusterName}-worker`,
    ]);
  });

  it('takes snapshots of volumes, where its nodes are made from source', async ({ skip }) => {
    if (!(await fromSource(second))) skip("kind's own node image has no snapshots");
    const kubeconfig = (await cluster('kubeconfig', second)).stdout.trim();
    const classes = () =>
      run('kubectl', ['--kubeconfig', kubeconfig, 'get', 'volumesnapshotclasses', '--output', 'name']);
    await expect
      .poll(async () => (await classes()).stdout, { timeout: 60_000 })
      .toContain('volumesnapshotclass.snapshot.storage.k8s.io/standard');
  });

  it.for([
    ['a Service that there is not', '100.65.255.254', 'Connection refused'],
    ['a pod that there is not', '100.64.255.254', 'No route to host'],
  ] as const)('lets nobody outside answer in the place of %s', async ([_, address, complaint], { skip }) => {
    if (!(await fromSource(second))) skip('kindnet leaves it to the default route');
    const on = (node: string, script: string) =>
      run('docker', ['exec', `${second}-${node}`, 'timeout', '10', 'bash', '-c', script]);
    const connect = `exec 3<>/dev/tcp/${address}/80`;
    const refused = { code: 1, stderr: expect.stringContaining(complaint) };
    expect(await on('worker', connect)).toMatchObject(refused);
    // From a pod: the server of DNS is one, on either node.
    const node = (await on('worker', 'pidof coredns')).code === 0 ? 'worker' : 'control-plane';
    const inPod = `nsenter --target "$(pidof coredns)" --net bash -c '${connect}'`;
    expect(await on(node, inPod)).toMatchObject(refused);
  });

  it('takes in a workspace that was exported from the first one', { timeout: 420_000 }, async () => {
    await using there = await secondInstallation(second);
    await using move = await Move.begin(there);
    const file = await move.exported();
    await move.import(file);
    expect(await move.ask('recall')).toContain('the heron nests on the north bank');
    expect(await move.ask('run: cat notes.txt')).toContain('three eggs');
    // It is its own: what it archives goes into a repository of its own.
    expect(await move.archivedAgain()).not.toBe(file.repository);
  });

  it('says what is wrong when a node stopped, and up mends that', async () => {
    await run('docker', ['stop', '--time', '1', `${second}-worker`]);
    expect((await cluster('status', second)).stdout).toContain('of its nodes only these run');
    expect(await cluster('up', second)).toMatchObject({ code: 0 });
    expect((await cluster('status', second)).stdout).toContain(`${second} is ready`);
    const again = await cluster('up', second);
    expect(again).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`The cluster ${second} is ready`),
    });
  });

  it('is ended by down, and nothing else is', async () => {
    const before = await containers();
    expect(await cluster('down', second)).toMatchObject({ code: 0 });
    expect(await containers()).toEqual(before.filter((name) => !name.startsWith(second)));
    expect((await cluster('status', clusterName)).stdout).toContain(`${clusterName} is ready`);
    expect((await cluster('status', second)).code).toBe(1);
  });

  it('has a name that kind can take, or is refused', async () => {
    const { code, stderr } = await cluster('up', 'Not_A_Name');
    expect(code).toBe(1);
    expect(stderr).toContain("small letters, digits and dashes, not 'Not_A_Name'");
  });
});
