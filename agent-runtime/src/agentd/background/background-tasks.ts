import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { type BackgroundTask, backgroundTask, outputSlice } from '../../protocol/tools-api.ts';
import type { AppendLog } from '../storage/append-log.ts';
import { StorageError } from '../storage/health.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import { foldTask, type Task, type TaskRecord } from './task-record.ts';

type NewTask = Pick<Task, 'session' | 'command' | 'cwd' | 'env' | 'restartable' | 'ignorable' | 'monitor'>;

/**
 * Background commands of all sessions. Their truth is `background.jsonl`; what runs is in `workspaced`, which reports ends.
 */
export class BackgroundTasks {
  readonly #log: AppendLog;
  readonly #client: ToolsClient;
  readonly #tasks: Map<string, Task>;
  readonly #onChange: (task: Task) => void;
  readonly #waiters = new Map<string, Set<() => void>>();
  /** Tasks that are being started: `workspaced` not knowing them yet means nothing. */
  readonly #starting = new Set<string>();

  constructor(log: AppendLog, client: ToolsClient, tasks: Map<string, Task>, onChange: (task: Task) => void) {
    this.#log = log;
    this.#client = client;
    this.#tasks = tasks;
    this.#onChange = onChange;
  }

  all(): Task[] {
    return [...this.#tasks.values()];
  }

  running(): Task[] {
    return this.all().filter((task) => task.status === 'running');
  }

  /** A task of this session. */
  find(id: string, session: string): Task | undefined {
    const task = this.#tasks.get(id);
    return task?.session === session ? task : undefined;
  }

  /** Starts a command. Resolves when it is recorded and runs. */
  async start(wanted: NewTask, signal: AbortSignal): Promise<Task & { outputFile: string }> {
    const id = `bg_${randomUUID().slice(0, 8)}`;
    this.#starting.add(id);
    try {
      await this.#record({ type: 'task', id, ...wanted, startedAt: new Date().toISOString() });
      const { command, cwd, env } = wanted;
      const body = { id, command, cwd, env };
      const started = await this.#client.call('POST', '/background', body, backgroundTask, { signal });
      await this.#record({ type: 'started', id, outputFile: started.outputFile.slice(0, 4096) });
      await this.report(started);
    } catch (error) {
      // Whether it came to run is not known; it is not the session's any more, and the next reconciliation ends it.
      if (!(error instanceof StorageError)) await this.#end(id, 'lost');
      throw error;
    } finally {
      this.#starting.delete(id);
    }
    const task = this.#tasks.get(id) as Task;
    return { ...task, outputFile: task.outputFile ?? '' };
  }

  async stop(id: string, signal: AbortSignal): Promise<void> {
    const seen = await this.#client.call('DELETE', `/background/${id}`, undefined, backgroundTask, {
      signal,
    });
    await this.report(seen);
    await this.#end(id, 'killed');
  }

  /** The last `limit` characters or so of what the command printed. */
  async output(id: string, limit: number, signal: AbortSignal): Promise<string> {
    const bytes = (await this.sizes(signal)).get(id);
    if (bytes === undefined) return '';
    const slice = await this.slice(id, { offset: Math.max(0, bytes - limit), limit }, signal);
    return slice.text.slice(-limit);
  }

  /** How many bytes each command printed, by id. */
  async sizes(signal: AbortSignal): Promise<Map<string, number>> {
    const tasks = await this.#present(signal);
    return new Map(tasks.map(({ id, outputBytes }) => [id, outputBytes]));
  }

  /** What a command printed from a byte on. With `lines`, whole lines where it can be. */
  async slice(
    id: string,
    { offset, limit, lines = false }: { offset: number; limit: number; lines?: boolean },
    signal: AbortSignal,
  ): Promise<z.infer<typeof outputSlice>> {
    const path = `/background/${id}/output?offset=${offset}&limit=${limit}${lines ? '&lines=true' : ''}`;
    return this.#client.call('GET', path, undefined, outputSlice, { signal });
  }

  #present(signal: AbortSignal): Promise<BackgroundTask[]> {
    const tasks = backgroundTask.array().max(10_000);
    return this.#client.call('GET', '/background', undefined, tasks, { signal });
  }

  /** Resolves when the task has ended or the time is over. */
  async ended(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#tasks.get(id)?.status !== 'running') return;
    await new Promise<void>((resolve, reject) => {
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters);
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        waiters.delete(wake);
        signal.removeEventListener('abort', abort);
        settle();
      };
      const wake = () => finish(resolve);
      const abort = () => finish(() => reject(signal.reason));
      const timer = setTimeout(wake, timeoutMs);
      waiters.add(wake);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * What `workspaced` says of one task. One that it calls killed was ended by our `stop`, which records it, or by a stop of
   * the whole workspace, after which `reconcile` decides.
   */
  async report(seen: BackgroundTask): Promise<void> {
    if (seen.status === 'exited') await this.#end(seen.id, 'exited', seen.exitCode ?? undefined);
  }

  /**
   * Brings the records and what runs together after either side restarted: tasks that still run are kept, those marked
   * restartable start again, the others are lost. Returns one line each for `restore` of the state.
   */
  async reconcile(
    restart: (tasks: Task[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<{ restarted: string[]; ended: string[] }> {
    const present = await this.#present(signal);
    for (const seen of present) {
      await this.report(seen);
      // Its start was answered with an error, or it was given up as lost: nobody knows of it, so nobody would end it.
      const orphan = seen.status === 'running' && this.#tasks.get(seen.id)?.status !== 'running';
      if (orphan && !this.#starting.has(seen.id)) {
        await this.#client.call(
          'DELETE',
          `/background/${encodeURIComponent(seen.id)}`,
          undefined,
          backgroundTask,
          { signal },
        );
      }
    }
    const alive = new Set(present.flatMap((seen) => (seen.status === 'running' ? [seen.id] : [])));
    const missing = this.running().filter((task) => !alive.has(task.id) && !this.#starting.has(task.id));
    const now = new Date().toISOString();
    const again = missing
      .filter((task) => task.restartable && task.confirmed && (task.monitor?.until ?? now) >= now)
      .slice(-restartedAtOnce);
    const gone = missing.filter((task) => !again.includes(task));
    for (const task of gone) await this.#end(task.id, 'lost');
    await restart(again);
    return { restarted: again.map(describe), ended: gone.map(describe) };
  }

  async #end(id: string, status: 'exited' | 'killed' | 'lost', exitCode?: number): Promise<void> {
    if (this.#tasks.get(id)?.status !== 'running') return;
    await this.#record({
      type: 'ended',
      id,
      status,
      ...(exitCode !== undefined && { exitCode }),
      at: new Date().toISOString(),
    });
    for (const wake of this.#waiters.get(id) ?? []) wake();
    this.#waiters.delete(id);
  }

  async #record(record: TaskRecord): Promise<void> {
    await this.#log.append(record);
    foldTask(this.#tasks, record);
    const task = this.#tasks.get(record.id);
    if (task !== undefined) this.#onChange(task);
  }
}

/** As many as `workspaced` lets run. */
const restartedAtOnce = 64;

/** What a person is told that it is. */
export function describe(task: Task): string {
  return `background task ${task.id} of session ${task.session}: ${task.command.slice(0, 200)}`;
}
