import { randomUUID } from 'node:crypto';
import { lstat, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ProcessImage, RestoreResult } from '../../protocol/tools-api.ts';
import { syncDirectory } from '../files/atomic-write.ts';
import { removeTree } from '../files/remove-tree.ts';
import type { Log } from '../log.ts';
import { absent } from '../output/retention.ts';
import { endProcesses } from '../process/session.ts';
import { descendants, describeProcess, readProcess, readProcessTable } from '../process/table.ts';
import type { ServiceSpec } from '../services/service.ts';
import { ToolFailure } from '../tool-failure.ts';
import type { Criu } from './criu.ts';
import { damage, digestFolder } from './digest.ts';
import { adopt, nameOf, type Owners, type Target, targetsOf } from './target.ts';

export interface ImagesContext extends Owners {
  criu: Criu;
  /** Folder of the images of all checkpoints, on the volume. */
  folder: string;
  /** Whether what is started in this pod never gets the key of its workspace. */
  withoutKey: boolean;
  log: Log;
}

type ImageOutcome = NonNullable<RestoreResult['images']>[number];

/** Milliseconds for all images of a wake together; what is left then starts afresh. */
const restoreMs = 40_000;

/**
 * Services, background tasks and terminals as images on the volume. An image fits the files only as they were when it was taken, so it is
 * good for one restore, and gone before its processes run on.
 */
export class ProcessImages {
  readonly #context: ImagesContext;
  /** The first process of each tree that was dumped and waits. */
  #frozen: number[] = [];
  /** The first process of each tree that was restored and may have been started with a key. */
  readonly #withKey = new Set<number>();
  /** What waits to be taken up again, where it runs on. */
  readonly #letGo: Target[] = [];

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
   * Dumps everything that runs into the folder `name`, and leaves it stopped; terminals only where they are wanted. A terminal that
   * cannot be dumped, and on which nothing runs, is ended. Throws {@link ToolFailure} `dump_failed`, and then everything runs on.
   */
  async dump(name: string, terminals: boolean): Promise<{ images: ProcessImage[]; lost: string[] }> {
    await this.#remove();
    const images: ProcessImage[] = [];
    const lost: string[] = [];
    try {
      for (const target of targetsOf(this.#context, terminals)) {
        const into = join(this.#context.folder, name, folderOf(target));
        try {
          const image = await this.#dumpOne(target, into);
          if (image !== undefined) images.push(image);
        } catch (error) {
          lost.push(await this.#lose(target, into, error));
        }
      }
    } catch (error) {
      await this.thaw();
      throw error;
    }
    return { images, lost };
  }

  /** Ends what could not be dumped, if it may, and answers what to say of that. Throws {@link ToolFailure} where it may not. */
  async #lose(target: Target, into: string, cause: unknown): Promise<string> {
    await removeTree(into);
    if (this.#letGo.at(-1) === target) await this.#letGo.pop()?.takeUp();
    const why = `${nameOf(target)} cannot be dumped: ${(cause as Error).message}`;
    if (!(await target.end(why))) throw new ToolFailure('dump_failed', why, { cause });
    return why;
  }

  /** Lets what was dumped go on, after its images are gone for good. */
  async thaw(): Promise<void> {
    await this.#remove();
    for (const pid of this.frozenPids()) process.kill(pid, 'SIGCONT');
    this.#frozen = [];
    await Promise.all(this.#letGo.splice(0).map((target) => target.takeUp()));
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
    const started = performance.now();
    const until = started + restoreMs;
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
    await this.discard();
    const lost = outcomes.filter((outcome) => outcome.lost !== undefined).length;
    log.info('restored', {
      images: outcomes.length - lost,
      lost,
      ms: Math.round(performance.now() - started),
    });
    return outcomes;
  }

  /** Removes images that are no good any more. Where that fails the next dump does it. */
  async discard(): Promise<void> {
    const { log } = this.#context;
    await this.#remove().catch((error: unknown) => log.warn('images cannot be removed', { error }));
  }

  /** Undefined where it ended before its turn came. */
  async #dumpOne(target: Target, into: string): Promise<ProcessImage | undefined> {
    const { kind, id, pid, service, sessions } = target;
    const strays = await straysOf(pid, sessions);
    if (strays.length > 0)
      throw new Error(
        `${strays
          .slice(0, 3)
          .map((pid) => describeProcess(pid))
          .join('; ')} was left behind by what started it. Let that wait for it, or start it with exec`,
      );
    await mkdir(into, { recursive: true, mode: 0o700 });
    if (!(await target.letGo())) return undefined;
    this.#letGo.push(target);
    try {
      await this.#context.criu.dump(pid, into);
    } catch (error) {
      if (target.alive()) throw error;
      await this.#letGo.pop()?.takeUp();
      return undefined;
    }
    this.#frozen.push(pid);
    const described = await target.describe(into);
    return {
      ...{ kind, id, pid, files: await digestFolder(into) },
      ...(service && { service }),
      ...(this.#context.withoutKey && !this.#withKey.has(pid) && { withoutKey: true }),
      ...described,
    };
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
        return 'its image is gone: it was used once, its processes ran on afterwards, or the volume was made without it';
      return await damage(folder, image.files, inTime);
    } catch (error) {
      const why = inTime.aborted ? `that took more than ${restoreMs / 1000} s` : (error as Error).message;
      return `its image cannot be read: ${why}`;
    }
  }

  /** What went wrong; undefined where it runs again. */
  async #restoreOne(image: ProcessImage, folder: string): Promise<string | undefined> {
    const { pid } = image;
    try {
      await this.#context.criu.restore(folder);
      if (readProcess(pid) === undefined) return 'it ended as soon as it was restored';
      await adopt(this.#context, image, folder);
      if (image.withoutKey !== true) this.#withKey.add(pid);
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
 * Processes of these sessions that `root` has no line to any more, so that a dump would leave them out. One that is just being
 * forked or is just ending can look like that: only what stays so counts.
 */
async function straysOf(root: number, sessions: readonly number[]): Promise<number[]> {
  for (let looks = 0; ; looks += 1) {
    const table = readProcessTable();
    const tree = new Set(descendants(table, root));
    const strays = table.filter((entry) => sessions.includes(entry.session) && !tree.has(entry));
    if (strays.length === 0 || looks === 5) return strays.map((entry) => entry.pid);
    await delay(20);
  }
}

function folderOf({ kind, id }: Pick<ProcessImage, 'kind' | 'id'>): string {
  return `${kind}-${id}`;
}
