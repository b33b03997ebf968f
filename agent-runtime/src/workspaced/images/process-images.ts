import { randomUUID } from 'node:crypto';
import { lstat, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ProcessImage, RestoreResult } from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/tasks.ts';
import { syncDirectory } from '../files/atomic-write.ts';
import { removeTree } from '../files/remove-tree.ts';
import type { Log } from '../log.ts';
import { absent } from '../output/retention.ts';
import { endProcesses, type Session } from '../process/session.ts';
import { descendants, describeProcess, readProcess, readProcessTable } from '../process/table.ts';
import type { ServiceSpec } from '../services/service.ts';
import type { Supervisor } from '../services/supervisor.ts';
import { ToolFailure } from '../tool-failure.ts';
import type { Criu } from './criu.ts';
import { damage, digestFolder } from './digest.ts';

export interface ImagesContext {
  criu: Criu;
  /** Folder of the images of all checkpoints, on the volume. */
  folder: string;
  services: Supervisor;
  background: BackgroundTasks;
  log: Log;
}

type ImageOutcome = NonNullable<RestoreResult['images']>[number];
type Target = Pick<ProcessImage, 'kind' | 'id' | 'service'> & { session: Session };

/** Milliseconds for all images of a wake together; what is left then starts afresh. */
const restoreMs = 40_000;

/**
 * Services and background tasks as images on the volume. An image fits the files only as they were when it was taken, so it is
 * good for one restore, and gone before its processes run on.
 */
export class ProcessImages {
  readonly #context: ImagesContext;
  /** The first process of each tree that was dumped and waits. */
  #frozen: number[] = [];

  constructor(context: ImagesContext) {
    this.#context = context;
  }

  /** Whether dumped processes wait to go on or to be killed. */
  get frozen(): boolean {
    return this.#frozen.length > 0;
  }

  /** The processes that wait. */
  frozenPids(): Set<number> {
    const table = readProcessTable();
    return new Set(this.#frozen.flatMap((pid) => descendants(table, pid).map((entry) => entry.pid)));
  }

  /** Whether the volume holds images of an earlier pod. */
  async present(): Promise<boolean> {
    return (await lstat(this.#context.folder).catch(absent)) !== undefined;
  }

  /**
   * Dumps everything that runs into the folder `name`, and leaves it stopped. Throws {@link ToolFailure} `dump_failed`, and then
   * everything runs on.
   */
  async dump(name: string): Promise<ProcessImage[]> {
    const { folder } = this.#context;
    await this.#remove();
    const images: ProcessImage[] = [];
    try {
      for (const { session, ...target } of this.#targets()) {
        const into = join(folder, name, folderOf(target));
        await mkdir(into, { recursive: true, mode: 0o700 });
        if (await this.#dumpOne(target, session, into))
          images.push({ ...target, pid: session.pid, files: await digestFolder(into) });
      }
    } catch (error) {
      await this.thaw();
      throw error;
    }
    return images;
  }

  /** Lets what was dumped go on, after its images are gone for good. */
  async thaw(): Promise<void> {
    await this.#remove();
    for (const pid of this.frozenPids()) process.kill(pid, 'SIGCONT');
    this.#frozen = [];
  }

  /** Ends what was dumped, without a step more of it. */
  kill(): void {
    for (const pid of this.frozenPids()) process.kill(pid, 'SIGKILL');
  }

  /** Restores what it can, one after another, and says what became of each. Nothing else of this workspace may run yet. */
  async restore(
    name: string,
    images: readonly ProcessImage[],
    declared: readonly ServiceSpec[],
  ): Promise<ImageOutcome[]> {
    const { folder, log } = this.#context;
    const before = join(folder, name);
    const until = performance.now() + restoreMs;
    const outcomes: ImageOutcome[] = [];
    const whole: ProcessImage[] = [];
    const lose = ({ kind, id }: ProcessImage, lost: string) => {
      log.warn('process image not restored', { kind, id, lost });
      outcomes.push({ kind, id, lost });
    };
    const inTime = AbortSignal.timeout(restoreMs);
    const seen = new Set<string | number>();
    for (const image of images) {
      const twice = seen.has(image.pid) || seen.has(folderOf(image));
      seen.add(image.pid).add(folderOf(image));
      const reason = twice
        ? 'the checkpoint names it twice'
        : await this.#obstacle(join(before, folderOf(image)), image, declared, inTime);
      if (reason === undefined) whole.push(image);
      else lose(image, reason);
    }
    // From here on the processes change the files that the images fit.
    const used = join(folder, `used-${randomUUID()}`);
    if (whole.length > 0) {
      try {
        await rename(before, used);
        await syncDirectory(folder);
      } catch (error) {
        // An image that could be used again is not used at all.
        const why = `its image cannot be marked as used: ${(error as Error).message}`;
        for (const image of whole.splice(0)) lose(image, why);
      }
    }
    for (const image of whole) {
      if (performance.now() > until) lose(image, `${restoreMs / 1000} s for restoring were over`);
      else {
        const lost = await this.#restoreOne(image, join(used, folderOf(image)));
        if (lost === undefined) outcomes.push({ kind: image.kind, id: image.id });
        else lose(image, lost);
      }
    }
    // They are no good any more. The next dump tries to remove them again, and so does the next start.
    await this.#remove().catch((error: unknown) => log.warn('images cannot be removed', { error }));
    return outcomes;
  }

  #targets(): Target[] {
    const { services, background } = this.#context;
    return [
      ...services.sessions().map(({ spec, session }) => {
        return { kind: 'service' as const, id: spec.name, service: spec, session };
      }),
      ...background.sessions().map(({ id, session }) => ({ kind: 'background' as const, id, session })),
    ];
  }

  /** False where it ended before its turn came. */
  async #dumpOne(target: Omit<Target, 'session'>, session: Session, into: string): Promise<boolean> {
    const fail = (why: string, cause?: unknown) =>
      new ToolFailure('dump_failed', `${nameOf(target)} cannot be dumped: ${why}`, { cause });
    const strays = await straysOf(session.pid);
    if (strays.length > 0)
      throw fail(
        `${strays.slice(0, 3).map(describeProcess).join('; ')} was left behind by what started it. Let that wait for it, or start it with exec`,
      );
    try {
      await this.#context.criu.dump(session.pid, into);
    } catch (error) {
      if (session.members().length === 0) return false;
      throw fail((error as Error).message, error);
    }
    this.#frozen.push(session.pid);
    return true;
  }

  /** Why an image is not to be restored. */
  async #obstacle(
    folder: string,
    image: ProcessImage,
    declared: readonly ServiceSpec[],
    inTime: AbortSignal,
  ): Promise<string | undefined> {
    if (image.kind === 'service' && !declared.some((spec) => isDeepStrictEqual(spec, image.service)))
      return 'it is declared otherwise now';
    try {
      if ((await lstat(folder).catch(absent)) === undefined)
        return 'its image is gone: it was used once, or its processes ran on afterwards';
      return await damage(folder, image.files, inTime);
    } catch (error) {
      const why = inTime.aborted ? `that took more than ${restoreMs / 1000} s` : (error as Error).message;
      return `its image cannot be read: ${why}`;
    }
  }

  /** What went wrong; undefined where it runs again. */
  async #restoreOne({ kind, id, pid, service }: ProcessImage, folder: string): Promise<string | undefined> {
    const { criu, services, background } = this.#context;
    try {
      await criu.restore(folder);
      if (readProcess(pid) === undefined) return 'it ended as soon as it was restored';
      if (service !== undefined) services.adopt(service, pid);
      else if (kind === 'background') await background.adopt(id, pid);
      return undefined;
    } catch (error) {
      // What criu had made by then belongs to nobody.
      await endProcesses(
        () => descendants(readProcessTable(), pid),
        0,
        (entry) => entry.pid,
        'SIGKILL',
      );
      return (error as Error).message;
    }
  }

  async #remove(): Promise<void> {
    const { folder } = this.#context;
    if (!(await this.present())) return;
    await removeTree(folder);
    await syncDirectory(join(folder, '..'));
  }
}

/**
 * Processes of the session that its first one has no line to any more, so that a dump would leave them out. One that is just being
 * forked or is just ending can look like that: only what stays so counts.
 */
async function straysOf(leader: number): Promise<number[]> {
  for (let looks = 0; ; looks += 1) {
    const table = readProcessTable();
    const tree = new Set(descendants(table, leader));
    const strays = table.filter((entry) => entry.session === leader && !tree.has(entry));
    if (strays.length === 0 || looks === 5) return strays.map((entry) => entry.pid);
    await delay(20);
  }
}

function folderOf({ kind, id }: Pick<ProcessImage, 'kind' | 'id'>): string {
  return `${kind}-${id}`;
}

function nameOf({ kind, id }: Pick<ProcessImage, 'kind' | 'id'>): string {
  return kind === 'service' ? `service ${id}` : `background task ${id}`;
}
