import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { CheckpointRequest } from '../../protocol/agent-api.ts';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { CheckpointState, RuntimeState } from '../../protocol/state.ts';
import { type ProcessImage, stopResult } from '../../protocol/tools-api.ts';
import type { DurableEvent } from '../session/host.ts';
import type { AppendLog } from '../storage/append-log.ts';
import { StorageError, type StorageHealth } from '../storage/health.ts';
import { ToolRefused, type ToolsClient } from '../tools/tools-client.ts';
import { folderName, type Manifest, type WithoutImages } from './manifest.ts';
import type { CheckpointStore } from './store.ts';

/** What a checkpoint is made of and acts on. */
export interface CheckpointParts {
  store: CheckpointStore;
  health: StorageHealth;
  client: ToolsClient;
  config: () => RuntimeConfig;
  /** Why now is not the time; empty when nothing runs. */
  busy: () => RuntimeState['busyReasons'];
  /** Every append-only file below `state`, by its relative path. */
  logs: () => Map<string, AppendLog>;
  events: { readonly path: string; readonly cursor: number; readonly bytes: number; flush(): Promise<void> };
  sessions: () => number;
  /** Names of what runs, for a checkpoint that stops nothing. */
  running: () => { services: string[]; background: string[] };
  /** Processes are about to be stopped; they have been started again. */
  processes: { stopped: () => void; resume: () => Promise<void> };
  emit: (event: DurableEvent) => void;
  changed: () => void;
  /** Turns may begin again. */
  released: () => void;
}

/** Not now. */
export class CheckpointRefused extends Error {
  override readonly name = 'CheckpointRefused';
  readonly code: 'busy' | 'checkpointing' | 'conflict';
  readonly details: unknown;

  constructor(code: 'busy' | 'checkpointing' | 'conflict', message: string, details?: unknown) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** What a checkpoint finds running. */
interface Stopped {
  services: string[];
  background: string[];
  /** Of those that were dumped. */
  images?: ProcessImage[];
  withoutImages?: WithoutImages;
}

/** So many attempts to dump fail in a row before the processes are ended instead, where the class wants that. */
const dumpAttempts = 3;

class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/**
 * Takes checkpoints, one at a time. While one is being taken, and after it while it is held, no turn begins; cancelling or
 * releasing lets them go on and starts again what was stopped.
 */
export class Checkpointer {
  readonly #parts: CheckpointParts;
  #state: CheckpointState | undefined;
  #running: Promise<void> | undefined;
  #cancel = new AbortController();
  #lastSequence: number;
  /** In a row, and what was said at the last. */
  #dumpFailures = { count: 0, message: '' };
  /** Between the end of a hold and the processes running again. */
  #resuming = false;

  constructor(parts: CheckpointParts, lastSequence: number) {
    this.#parts = parts;
    this.#lastSequence = lastSequence;
  }

  get state(): CheckpointState | undefined {
    return this.#state;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  get holding(): boolean {
    if (this.#state?.phase === 'InProgress' || this.#resuming) return true;
    return this.#state?.phase === 'Completed' && this.#state.hold;
  }

  /** Begins a checkpoint. Asked again with the same sequence, it answers with where that one stands. */
  begin(request: CheckpointRequest): CheckpointState {
    const current = this.#state;
    const known = current?.sequence === request.sequence ? current : undefined;
    if (known?.phase === 'InProgress' || known?.phase === 'Completed') return known;
    if (this.holding) {
      throw new CheckpointRefused(
        'checkpointing',
        `Checkpoint ${current?.sequence} is being taken or held.`,
        current,
      );
    }
    if (request.sequence <= this.#lastSequence && current?.sequence !== request.sequence) {
      throw new CheckpointRefused(
        'conflict',
        `The volume has checkpoint ${this.#lastSequence}: take a higher number.`,
      );
    }
    const reasons = this.#parts.busy();
    if (reasons.length > 0) throw new CheckpointRefused('busy', 'The workspace is busy.', reasons);
    const { sequence, trigger, hold } = request;
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    this.#cancel = new AbortController();
    const state: CheckpointState = {
      sequence,
      trigger,
      hold,
      phase: 'InProgress',
      startedAt: new Date().toISOString(),
    };
    this.#set(state);
    this.#running = this.#take(state);
    return state;
  }

  /** Ends a checkpoint under way, or the hold of a completed one. Resolves when the workspace goes on. Undefined: no such one. */
  async cancel(sequence: number): Promise<CheckpointState | undefined> {
    if (this.#state?.sequence !== sequence) return undefined;
    this.#cancel.abort(new Cancelled('the checkpoint was cancelled'));
    await this.#running;
    if (this.#state.phase === 'Completed' && this.#state.hold) {
      this.#set({ ...this.#state, hold: false });
      await this.#resume();
    }
    return this.#state;
  }

  async close(): Promise<void> {
    this.#cancel.abort(new Cancelled('the daemon stops'));
    await this.#running;
  }

  /** Never rejects: how it ended is in the state. */
  async #take(state: CheckpointState): Promise<void> {
    const { signal } = this.#cancel;
    const started = performance.now();
    const elapsed = () => Math.round(performance.now() - started);
    try {
      await this.#parts.events.flush();
      signal.throwIfAborted();
      const flush = elapsed();
      const stopped = state.hold ? await this.#stopProcesses(state.sequence, signal) : this.#parts.running();
      signal.throwIfAborted();
      const stop = elapsed() - flush;
      const { document, copies } = await this.#compose(state, stopped);
      signal.throwIfAborted();
      const { digest, bytes } = await this.#parts.store.write(document, copies);
      if (signal.aborted) {
        await this.#parts.store.remove(state.sequence);
        signal.throwIfAborted();
      }
      await this.#parts.store.prune(this.#parts.config().checkpoint.keep, state.sequence);
      const total = elapsed();
      const imageFiles = document.images?.flatMap((image) => image.files) ?? [];
      this.#set({
        ...state,
        phase: 'Completed',
        completedAt: new Date().toISOString(),
        digest,
        bytes: imageFiles.reduce((sum, file) => sum + file.bytes, bytes),
        sessions: document.sessions,
        processes: { services: stopped.services.length, background: stopped.background.length },
        durations: { flush, stop, manifest: total - flush - stop, total },
      });
      // Cancelled while old ones were being removed: the new one is whole, so it is a release.
      if (signal.aborted && state.hold) this.#set({ ...(this.#state as CheckpointState), hold: false });
    } catch (error) {
      this.#set({ ...state, completedAt: new Date().toISOString(), ...this.#ending(error) });
    }
    if (!this.holding) await this.#resume();
  }

  #ending(error: unknown): Pick<CheckpointState, 'phase' | 'reason' | 'message'> {
    if (error instanceof Cancelled)
      return { phase: 'Cancelled', reason: 'Cancelled', message: error.message };
    const code = (error as NodeJS.ErrnoException).code;
    const storage =
      error instanceof StorageError ||
      (code !== undefined && ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(code));
    if (isDumpFailure(error)) return { phase: 'Failed', reason: 'DumpFailed', message: error.message };
    if (!storage) return { phase: 'Failed', reason: 'Failed', message: (error as Error).message };
    const refused =
      error instanceof StorageError ? error : this.#parts.health.refused(error, 'the checkpoint');
    return { phase: 'Failed', reason: 'Storage', message: refused.message };
  }

  async #stopProcesses(sequence: number, signal: AbortSignal): Promise<Stopped> {
    const { client, config, processes } = this.#parts;
    const { processes: wanted, onDumpFailure } = config().checkpoint;
    const failures = this.#dumpFailures;
    const givenUp = wanted === 'Restore' && onDumpFailure === 'Restart' && failures.count >= dumpAttempts;
    const images = wanted === 'Restore' && !givenUp;
    processes.stopped();
    // Cancelling does not end this request: half-stopped processes could not be told from running ones.
    const result = await client
      .call(
        'POST',
        '/checkpoint',
        images ? { images: folderName(sequence), terminals: true } : {},
        stopResult,
        {
          timeoutMs: images ? 300_000 : 60_000,
        },
      )
      .catch((error: unknown) => {
        if (isDumpFailure(error)) this.#dumpFailures = { count: failures.count + 1, message: error.message };
        throw error;
      });
    signal.throwIfAborted();
    this.#dumpFailures = { count: 0, message: '' };
    const { services, background, unsupported, lost = [] } = result;
    return {
      services: services.slice(0, 1000),
      background: background.map((task) => task.id).slice(0, 10_000),
      ...(result.images && { images: result.images }),
      ...(unsupported !== undefined && {
        withoutImages: { reason: 'Unsupported', message: unsupported },
      }),
      ...(lost.length > 0 && { withoutImages: { reason: 'DumpFailed', message: lost.join('; ') } }),
      ...(givenUp && {
        withoutImages: {
          reason: 'DumpFailed',
          message: `${failures.message}; after ${failures.count} attempts the processes were ended, as the class says`,
        },
      }),
    };
  }

  async #compose(
    state: CheckpointState,
    stopped: Stopped,
  ): Promise<{ document: Manifest; copies: Map<string, Uint8Array> }> {
    const { logs, events, config, sessions } = this.#parts;
    for (const log of logs().values()) await log.settled();
    await events.flush();
    const { cursor } = events;
    const files: Manifest['files'] = [...logs()]
      .filter(([, log]) => log.length > 0)
      .map(([path, log]) => ({ kind: 'log', path, length: log.length, sha256: log.digest() }));
    const copies = new Map<string, Uint8Array>();
    // A fresh workspace may not have had an event.
    if (cursor > 0) {
      const copy = (await readFile(events.path)).subarray(0, events.bytes);
      const sha256 = createHash('sha256').update(copy).digest('hex');
      files.push({ kind: 'file', path: 'events.jsonl', length: copy.length, sha256, copy: 'events.jsonl' });
      copies.set('events.jsonl', copy);
    }
    const document: Manifest = {
      version: 1,
      sequence: state.sequence,
      trigger: state.trigger,
      workspace: config().workspace,
      takenAt: new Date().toISOString(),
      cursor,
      sessions: sessions(),
      ...stopped,
      files,
    };
    return { document, copies };
  }

  async #resume(): Promise<void> {
    this.#resuming = true;
    try {
      await this.#parts.processes.resume();
    } finally {
      this.#resuming = false;
      this.#parts.changed();
      this.#parts.released();
    }
  }

  #set(state: CheckpointState): void {
    this.#state = state;
    this.#parts.emit({ type: 'checkpoint', data: state });
    this.#parts.changed();
  }
}

function isDumpFailure(error: unknown): error is ToolRefused {
  return error instanceof ToolRefused && error.code === 'dump_failed';
}
