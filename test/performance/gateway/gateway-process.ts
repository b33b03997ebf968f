import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Child } from '../child.ts';

/** What its clients show; the stand-in API server takes any. */
export const token = 'bench';

/** The program of the release in a process of its own, with a file for its log. */
export class GatewayProcess implements AsyncDisposable {
  readonly child: Child;
  /** Of the paths of `bench/home`'s agent: `…/agent/`. */
  readonly url: string;
  readonly #all: AsyncDisposableStack;

  private constructor(child: Child, url: string, all: AsyncDisposableStack) {
    this.child = child;
    this.url = url;
    this.#all = all;
  }

  /** Resolves when its caches are filled. `server`: the URL of the API server. */
  static async start(server: string): Promise<GatewayProcess> {
    await using all = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'dormouse-bench-'));
    all.defer(() => rm(folder, { recursive: true }));
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'bench',
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
      clusters: [{ name: 'bench', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'bench', user: { token: 'gateway' } }],
    };
    await writeFile(join(folder, 'kubeconfig'), JSON.stringify(config));
    await writeFile(join(folder, 'key'), 'master');
    const flags = {
      ...{ kubeconfig: join(folder, 'kubeconfig'), 'master-key-file': join(folder, 'key') },
      ...{ port: 0, 'model-port': 0, 'egress-port': 0, 'health-port': 0 },
      // One user and one workspace have all streams here.
      ...{ 'connections-per-user': 100_000, 'connections-per-workspace': 100_000 },
    };
    const main = join(import.meta.dirname, '../../../gateway/src/main.ts');
    const log = join(folder, 'log');
    const output = openSync(log, 'w');
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = all.use(Child.start(process.execPath, [main, ...args], { output }));
    closeSync(output);
    const { port, health } = await opened(log);
    for (let tries = 0; (await fetch(`http://127.0.0.1:${health}/readyz`)).status !== 200; tries += 1) {
      if (tries === 100)
        throw new Error(`the gateway does not fill its caches: ${readFileSync(log, 'utf8')}`);
      await pause(100);
    }
    const url = `http://127.0.0.1:${port}/v1/namespaces/bench/workspaces/home/agent/`;
    return new GatewayProcess(child, url, all.move());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#all.disposeAsync();
  }
}

/** Its ports, once its log says that it is open. */
async function opened(log: string): Promise<{ port: number; health: number }> {
  for (let tries = 0; tries < 200; tries += 1) {
    const line = readFileSync(log, 'utf8')
      .split('\n')
      .find((each) => each.includes('"gateway is open"'));
    if (line !== undefined) return JSON.parse(line);
    await pause(100);
  }
  throw new Error(`the gateway did not open within 20 s: ${readFileSync(log, 'utf8')}`);
}
