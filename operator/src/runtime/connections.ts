import { AgentConnection, type ConnectionOptions } from './connection.ts';
import type { AgentTarget } from './transport.ts';
import { noRuntime, type RuntimeView } from './view.ts';

/** The agents of all workspaces that run: one connection each, by the key of the workspace. */
export class AgentConnections {
  readonly #options: Omit<ConnectionOptions, 'target' | 'changed'>;
  readonly #changed: (key: string) => void;
  readonly #connections = new Map<string, AgentConnection>();
  readonly #closing = new Set<Promise<void>>();

  constructor(options: Omit<ConnectionOptions, 'target' | 'changed'>, changed: (key: string) => void) {
    this.#options = options;
    this.#changed = changed;
  }

  get(key: string): AgentConnection | undefined {
    return this.#connections.get(key);
  }

  view(key: string): RuntimeView {
    return this.#connections.get(key)?.view() ?? noRuntime;
  }

  /** Connects to that agent, and to no other one of the workspace. */
  connect(key: string, target: AgentTarget): void {
    const current = this.#connections.get(key)?.target;
    if (current?.podUID === target.podUID && current.ip === target.ip) return;
    this.disconnect(key);
    this.#connections.set(
      key,
      new AgentConnection({ ...this.#options, target, changed: () => this.#changed(key) }),
    );
  }

  disconnect(key: string): void {
    const connection = this.#connections.get(key);
    if (connection === undefined) return;
    this.#connections.delete(key);
    const closing = connection.close().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Closes all; resolves when nothing is called any more. */
  async closeAll(): Promise<void> {
    for (const key of [...this.#connections.keys()]) this.disconnect(key);
    await Promise.all(this.#closing);
  }
}
