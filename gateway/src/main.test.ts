import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiServer } from '../../test/support/api-server/index.ts';
import { Collector } from './testing/collector.ts';

const api = new ApiServer();
let folder: string;
let program: ChildProcess;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-gateway-'));
  const server = await api.start();
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'gateway' } }],
  };
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify(config));
  await writeFile(join(folder, 'key'), 'master');
});
afterEach(async () => {
  program.kill('SIGKILL');
  await api.close();
  await rm(folder, { recursive: true });
});

describe('the program', () => {
  it('opens, is ready when its caches are filled, refuses who shows no token, and ends in order with its last traces sent', async () => {
    await using collector = await Collector.start();
    const ports = { port: '0', 'model-port': '0', 'egress-port': '0', 'health-port': '0' };
    const traces = { 'trace-endpoint': collector.url };
    const flags = { kubeconfig: 'kubeconfig', 'master-key-file': 'key', ...ports, ...traces };
    const main = join(import.meta.dirname, 'main.ts');
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    program = spawn(process.execPath, [main, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const opened = Promise.withResolvers<{ port: number; egressPort: number; health: number }>();
    createInterface({ input: program.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { msg, component, ...rest } = JSON.parse(line);
      expect(component).toBe('gateway');
      if (msg === 'gateway is open') opened.resolve(rest);
    });
    const { port, egressPort, health } = await opened.promise;
    const at = (where: number, path: string) => fetch(`http://127.0.0.1:${where}${path}`);
    await vi.waitFor(async () => expect((await at(health, '/readyz')).status).toBe(200));
    const refused = await at(port, '/v1/namespaces/team/workspaces/home/agent/state');
    expect(refused.status).toBe(401);
    await refused.text();
    // fetch takes no 407 from what is no proxy of its own.
    const [challenge] = await once(get(`http://127.0.0.1:${egressPort}/`), 'response');
    expect(challenge.resume().statusCode).toBe(407);
    expect(await (await at(health, '/metrics')).text()).toContain(
      'dormouse_gateway_refusals_total{reason="unauthorized"} 1',
    );
    program.kill('SIGTERM');
    expect(await once(program, 'exit')).toEqual([0, null]);
    expect(collector.span('GET').failure).toBe('unauthorized');
  });
});
