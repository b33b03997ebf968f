import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Cluster } from './cluster.ts';

/** A port in the cluster on a port of the loopback interface, by `kubectl port-forward`: `await using forward = …`. */
export class PortForward implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;

  private constructor(child: ChildProcess, origin: string) {
    this.#child = child;
    this.origin = origin;
  }

  /**
   * `target` and `port` as kubectl has them: `service/NAME` or `pod/NAME`, a number or a name. Resolves when kubectl listens;
   * an error with what it said where it does not.
   */
  static async open(cluster: Cluster, namespace: string, target: string, port: string): Promise<PortForward> {
    const args = ['port-forward', '--address', '127.0.0.1', '--namespace', namespace, target, `:${port}`];
    const child = spawn('kubectl', args, {
      env: { ...process.env, KUBECONFIG: cluster.access.file },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints += chunk;
    });
    for await (const line of createInterface({ input: child.stdout })) {
      const local = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (local === undefined) continue;
      // What it says later, a line for each connection, must not fill its pipe.
      child.stdout.resume();
      return new PortForward(child, `http://127.0.0.1:${local}`);
    }
    throw new Error(`kubectl port-forward ended: ${complaints}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}
