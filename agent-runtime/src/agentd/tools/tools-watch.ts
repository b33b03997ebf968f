import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { RuntimeState } from '../../protocol/state.ts';
import {
  restoreResult,
  type ServiceStatus,
  serviceStatus,
  type ToolsEvent,
  toolsEvent,
  toolsHealth,
} from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/background-tasks.ts';
import type { Task } from '../background/task-record.ts';
import type { StorageHealth } from '../storage/health.ts';
import { pause, type ToolsClient } from './tools-client.ts';

export interface Reconciled {
  restarted: string[];
  ended: string[];
}

/** Milliseconds between two attempts to reach `workspaced`. */
const retryMs = 100;
const services = serviceStatus.array().max(1000);

/**
 * Follows `workspaced`: whether it answers, which services run, which background tasks ended. Whenever it comes (back), the
 * records and what runs are brought together, and declared services are started.
 */
export class ToolsWatch {
  #ready = false;
  #services = new Map<string, ServiceStatus>();
  #following: Promise<void> | undefined;
  /** Ends the connection that is followed. */
  #lost = new AbortController();
  /** Ends with the daemon. */
  readonly #stop = new AbortController();
  /** Between stopping the processes for a checkpoint and starting them again, nothing is reconciled. */
  #stopped = false;
  readonly #client: ToolsClient;
  readonly #background: BackgroundTasks;
  readonly #health: StorageHealth;
  readonly #log: Logger;
  readonly #declared: () => RuntimeConfig['services'];
  readonly #onChange: () => void;
  readonly #onReconciled: (result: Reconciled) => void;

  constructor(parts: {
    client: ToolsClient;
    background: BackgroundTasks;
    health: StorageHealth;
    log: Logger;
    declared: () => RuntimeConfig['services'];
    onChange: () => void;
    onReconciled: (result: Reconciled) => void;
  }) {
    this.#client = parts.client;
    this.#background = parts.background;
    this.#health = parts.health;
    this.#log = parts.log;
    this.#declared = parts.declared;
    this.#onChange = parts.onChange;
    this.#onReconciled = parts.onReconciled;
  }

  get ready(): boolean {
    return this.#ready;
  }

  services(): RuntimeState['services'] {
    return [...this.#services.values()].map(({ name, status, restarts, exitCode }) => ({
      name,
      status,
      restarts,
      ...(exitCode !== null && { exitCode }),
    }));
  }

  start(): void {
    this.#following = this.#follow();
  }

  /** The processes have been stopped for a checkpoint; `resume` starts them again. */
  processesStopped(): void {
    this.#stopped = true;
  }

  /** Starts again what a checkpoint stopped; if that fails, the next connection does it. */
  async resume(): Promise<void> {
    if (!this.#stopped) return;
    this.#stopped = false;
    if (this.#ready) await this.#orReconnect(() => this.#reconcile());
  }

  /** The declared services changed. If they cannot be applied now, the next connection does it. */
  async applyServices(): Promise<void> {
    if (this.#stopped || !this.#ready) return;
    this.#services.clear();
    await this.#orReconnect(() => this.#declareServices(this.#stop.signal));
  }

  async #orReconnect(apply: () => Promise<void>): Promise<void> {
    try {
      await apply();
    } catch (error) {
      this.#log.warn({ err: error }, 'tools did not take a change');
      this.#lost.abort(error);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('the watch is closed'));
    await this.#following;
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#session(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (this.#ready) this.#log.warn({ err: error }, 'lost the tools');
      }
      this.#setReady(false);
      // Rejects only when the daemon stops, which ends the loop.
      await pause(retryMs, signal).catch((reason: unknown) => reason);
    }
    this.#setReady(false);
  }

  /** One connection to `workspaced`, from its first answer to its loss. */
  async #session(signal: AbortSignal): Promise<void> {
    const lost = new AbortController();
    this.#lost = lost;
    const options = { signal: AbortSignal.any([signal, lost.signal]), patienceMs: 0 };
    await this.#client.call('GET', '/healthz', undefined, toolsHealth, options);
    let handled: Promise<void> = Promise.resolve();
    // A task whose end cannot be recorded ends the connection, so that the next one reconciles.
    const handle = (event: ToolsEvent) => {
      if (event.type === 'service') return this.#setServices([event.service]);
      const record = () => this.#health.insist(signal, () => this.#background.report(event.task));
      handled = handled.then(record).catch((error: unknown) => lost.abort(error));
    };
    const following = this.#client.follow('/events', toolsEvent, handle, options);
    const set = this.#stopped ? Promise.resolve() : this.#reconcile();
    await Promise.all([set.then(() => this.#setReady(true)), following]);
    await handled;
  }

  async #reconcile(): Promise<void> {
    const { signal } = this.#stop;
    const { stopping } = await this.#client.call('GET', '/healthz', undefined, toolsHealth, { signal });
    const start = async (tasks: Task[]) => {
      // Only this lets in again what a checkpoint shut out, one of an agentd that died in between too.
      if (stopping || tasks.length > 0) await this.#restore(tasks, signal);
    };
    const result = await this.#health.insist(signal, () => this.#background.reconcile(start, signal));
    this.#services.clear();
    await this.#declareServices(signal);
    const declared = this.#declared().map(({ name }) => `service ${name}`);
    this.#onReconciled({ restarted: [...declared, ...result.restarted], ended: result.ended });
  }

  async #declareServices(signal: AbortSignal): Promise<void> {
    const body = { services: this.#declared() };
    this.#setServices(await this.#client.call('PUT', '/services', body, services, { signal }));
  }

  async #restore(tasks: readonly Task[], signal: AbortSignal): Promise<void> {
    const background = tasks.map(({ id, command, cwd }) => ({ id, command, cwd }));
    const body = { services: this.#declared(), background };
    await this.#client.call('POST', '/restore', body, restoreResult, { signal });
  }

  #setReady(ready: boolean): void {
    if (this.#ready === ready) return;
    this.#ready = ready;
    this.#log.info({ ready }, 'tools');
    this.#onChange();
  }

  #setServices(statuses: readonly ServiceStatus[]): void {
    for (const status of statuses) this.#services.set(status.name, status);
    this.#onChange();
  }
}
