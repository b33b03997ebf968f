import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiServer } from '../../test/support/api-server/index.ts';
import { run } from '../../test/support/program.ts';
import { collections } from './testing/person.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
/** Milliseconds: from its sources, on a machine that is busy, the program takes seconds to start. */
const patience = { timeout: 60_000 };

let folder: string;
let server: ApiServer;
let kubeconfig: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-cli-'));
  server = new ApiServer();
  const plugin = join(folder, 'plugin');
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'from-plugin' },
  };
  await writeFile(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
  await chmod(plugin, 0o755);
  kubeconfig = join(folder, 'config');
  const cluster = { server: await server.start(), 'insecure-skip-tls-verify': true };
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { exec } }],
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'u', namespace: 'team' } },
      { name: 'there', context: { cluster: 'c', user: 'u' } },
    ],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function workspace(namespace: string, name: string) {
  const object = { metadata: { name, namespace }, spec: {} };
  server.objects.put(collections.workspaces, `${namespace}/${name}`, object);
}

describe('the program', patience, () => {
  it('asks with the credentials and in the namespace of the context that is chosen', async () => {
    workspace('team', 'ada');
    workspace('default', 'bob');
    const list = (...args: string[]) =>
      run(process.execPath, [main, 'ls', '-o', 'name', ...args], { env: { KUBECONFIG: kubeconfig } });
    expect(await list()).toEqual({ code: 0, stdout: 'agentworkspace.dormouse.dev/ada\n', stderr: '' });
    expect(server.requests.at(-1)?.headers).toMatchObject({
      authorization: 'Bearer from-plugin',
      'user-agent': expect.stringMatching(/^dormouse-cli\//),
    });
    expect((await list('--context', 'there')).stdout).toBe('agentworkspace.dormouse.dev/bob\n');
    expect(await list('--context', 'nowhere')).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('no context "nowhere"; it has: here, there'),
    });
  });

  it('ends with 130 at Ctrl-C, and takes a reader that has enough for no error', async () => {
    workspace('team', 'ada');
    const env = { ...process.env, KUBECONFIG: kubeconfig };
    const watching = spawn(process.execPath, [main, 'ls', '--watch'], { env });
    await expect.poll(() => server.openWatches, patience).toBe(1);
    watching.kill('SIGINT');
    expect(await once(watching, 'close')).toEqual([130, null]);

    await expect.poll(() => server.openWatches).toBe(0);
    const unread = spawn(process.execPath, [main, 'ls', '--watch'], { env });
    await once(unread.stdout, 'data');
    unread.stdout.destroy();
    await expect.poll(() => server.openWatches, patience).toBe(1);
    workspace('team', 'grace');
    expect(await once(unread, 'close')).toEqual([0, null]);
  });
});
