import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { RuntimeState } from '../../protocol/state.ts';
import {
  type ProcessImage,
  restoreResult,
  type ServiceStatus,
  serviceStatus,
  type ToolsEvent,
  toolsEvent,
  toolsHealth,
} from '../../protocol/tools-api.ts';
import { type BackgroundTasks, describe } from '../background/background-tasks.ts';
import type { Task } from '../background/task-record.ts';
import type { StorageHealth } from '../storage/health.ts';
import { pause, type ToolsClient } from './tools-client.ts';

/** The process images of a checkpoint and the folder that they are in. */
export interface ImagesToRestore {
  folder: string;
  images: ProcessImage[];
}

/** One line for each process. */
export interface Reconciled {
  /** Goes on with its memory. */
  restored: string[];
  restarted: string[];
  ended: string[];
  /** Why an image was not restored. */
  lost: string[];
}

/** Milliseconds between two attempts to reach `workspaced`. */
const retryMs = 100;
const services = serviceStatus.array().max(1000);
/** Milliseconds that turns wait for images to be restored, and that the request for it may take. */
const restorePatienceMs = 60_000;

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
  /** Until they have been restored, or given up. */
  #images: ImagesToRestore | undefined;
  #patience: NodeJS.Timeout | undefined;
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
    images: ImagesToRestore | undefined;
    onChange: () => void;
    onReconciled: (result: Reconciled) => void;
  }) {
    this.#images = parts.images;
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

  /** Process images wait for `workspaced`: what a turn did now could be in their way. */
  get restoring(): boolean {
    return this.#images !== undefined;
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
    if (this.#images === undefined) return;
    this.#patience = setTimeout(() => {
      const lost = this.#images?.images.map((image) => `${this.#nameOf(image)}: the tools did not answer`);
      this.#images = undefined;
      this.#onReconciled({ restored: [], restarted: [], ended: [], lost: lost ?? [] });
    }, restorePatienceMs);
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
    clearTimeout(this.#patience);
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
    const images = stopping ? await this.#restoreImages(signal) : undefined;
    const start = async (tasks: Task[]) => {
      // Only this lets in again what a checkpoint shut out, one of an agentd that died in between too.
      if ((stopping && images === undefined) || tasks.length > 0) await this.#restore(tasks, signal);
    };
    const result = await this.#health.insist(signal, () => this.#background.reconcile(start, signal));
    this.#services.clear();
    await this.#declareServices(signal);
    const { restored = [], lost = [] } = images ?? {};
    const declared = this.#declared()
      .map(({ name }) => `service ${name}`)
      .filter((name) => !restored.includes(name));
    this.#images = undefined;
    clearTimeout(this.#patience);
    this.#onReconciled({
      restored,
      restarted: [...declared, ...result.restarted],
      ended: result.ended,
      lost,
    });
  }

  /** Undefined where none wait. */
  async #restoreImages(signal: AbortSignal): Promise<Pick<Reconciled, 'restored' | 'lost'> | undefined> {
    if (this.#images === undefined) return undefined;
    const body = { services: this.#declared(), background: [], images: this.#images };
    const answer = await this.#client.call('POST', '/restore', body, restoreResult, {
      signal,
      timeoutMs: restorePatienceMs,
    });
    const restored: string[] = [];
    const lost: string[] = [];
    for (const outcome of answer.images ?? []) {
      const name = this.#nameOf(outcome);
      if (outcome.lost === undefined) restored.push(name);
      else lost.push(`${name}: ${outcome.lost}`);
    }
    return { restored, lost };
  }

  #nameOf({ kind, id }: Pick<ProcessImage, 'kind' | 'id'>): string {
    if (kind === 'background') {
      const task = this.#background.all().find((each) => each.id === id);
      return task ? describe(task) : `background task ${id}`;
    }
    const image = this.#images?.images.find((each) => each.kind === kind && each.id === id);
    const name = image?.terminal?.name;
    return name === undefined ? `${kind} ${id}` : `${kind} ${id} (${name})`;
  }

  async #declareServices(signal: AbortSignal): Promise<void> {
    const body = { services: this.#declared() };
    this.#setServices(await this.#client.call('PUT', '/services', body, services, { signal }));
  }

  async #restore(tasks: readonly Task[], signal: AbortSignal): Promise<void> {
    const background = tasks.map(({ id, command, cwd, env }) => ({ id, command, cwd, env }));
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
