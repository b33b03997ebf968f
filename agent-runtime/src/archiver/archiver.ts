import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ArchivePart, ArchiveProgress } from '../protocol/archive.ts';
import { access, copyInto, look, type Repository, sizeOf } from './repository.ts';
import { exitCodes, plainComplaint, type ResticResult, restic } from './restic.ts';
import { syncTree } from './sync-tree.ts';

export interface ArchiverOptions {
  part: ArchivePart;
  repository: Repository;
  /** What is archived, or filled. */
  folder: string;
  /** Shared by the two halves of one archive: restic's cache and its temporary files. */
  scratch: string;
  program: string;
  /** Milliseconds between two looks at how large a repository with a quota is. */
  lookEvery?: number;
}

/**
 * In the folder of the agent: says that all of an archive is on the volume, so that a pod that is started again does not put back what
 * was changed since. It is no part of archives, whose copy would say so too early.
 */
export const restoredMark = 'restored';

/** It cannot be done; the message says why. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

const snapshotList = z.array(z.object({ id: z.string() }));
/** All archives look as if they came from one host: restic looks for the one before by its name. */
const host = 'dormouse';
/** One after another they make one archive: where the first leaves its snapshot for the second. */
const stateSnapshot = 'state-snapshot';
/** Likewise, how large its repository is, which the second half may not read. */
const stateBytes = 'state-bytes';

/** One half of an archive, or of its way back. */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #progress: ArchiveProgress;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#progress = { part: options.part, percent: 0, bytes: 0, files: 0, addedBytes: 0 };
  }

  /** As it is now. */
  get progress(): ArchiveProgress {
    const problem = this.#progress.problem ?? this.#hindrance;
    return { ...this.#progress, ...(problem === undefined ? {} : { problem }) };
  }

  /** What stands between here and the bucket. */
  get #hindrance(): string | undefined {
    const { repository } = this.#options;
    return repository.in === 'bucket' ? repository.relay.problem : undefined;
  }

  /**
   * Archives the folder. The last half also forgets what is named by nobody.
   * @param keep snapshots that are named
   * @throws ArchiveError
   */
  async archive(keep: readonly string[]): Promise<void> {
    const { part, folder, scratch, repository } = this.#options;
    const shared = repository.in === 'bucket';
    if (part === 'state' || !shared) await this.#prepare();
    // Where there is little room, what nobody wants any more goes first.
    if (!shared) await this.#forget(keep);
    const done = await this.#withinQuota(keep, [
      ...['backup', '--json', '--host', host, '--tag', part],
      // A volume may come back with other inode numbers.
      ...['--ignore-inode', '--one-file-system'],
      ...(part === 'state' ? ['--exclude', join(folder, restoredMark)] : []),
      ...['--', folder],
    ]);
    const skipped = part === 'home' && done.code === exitCodes.incomplete;
    if (skipped) this.#progress.problem = `Files could not be read: ${plainComplaint(done.complaint)}`;
    else if (done.code !== 0) throw this.#failure(done);
    const { snapshot } = this.#progress;
    if (snapshot === undefined) throw new ArchiveError('restic did not say what it made.');
    if (part === 'state') await writeFile(join(scratch, stateSnapshot), snapshot);
    else if (shared)
      await this.#forget([...keep, snapshot, await readFile(join(scratch, stateSnapshot), 'utf8')]);
    this.#progress.percent = 100;
  }

  /** Runs what adds to the repository, and takes back what it added where that is more than may be, or is of no use. */
  async #withinQuota(keep: readonly string[], args: readonly string[]): Promise<ResticResult> {
    const { repository, part, scratch, lookEvery = 500 } = this.#options;
    if (repository.in === 'bucket') return this.#run(args);
    const { folder, quota = Number.POSITIVE_INFINITY } = repository;
    const other = part === 'home' ? Number(await readFile(join(scratch, stateBytes), 'utf8')) : 0;
    const tooMuch = `The archives on the volume would take more than the ${quota} bytes that they may (spec.archive.volume.quota of the class). Raise that, remove large files, or delete AgentCheckpoints that have archives.`;
    const over = new AbortController();
    const weigh = async () => {
      const bytes = await sizeOf(folder);
      if (bytes + other > quota) over.abort(new ArchiveError(tooMuch));
      return bytes;
    };
    const timer = setInterval(() => {
      weigh().catch((error: unknown) => over.abort(error));
    }, lookEvery);
    const done = await this.#run(args, over.signal).finally(() => clearInterval(timer));
    const bytes = await weigh();
    if (over.signal.aborted || (done.code !== 0 && done.code !== exitCodes.incomplete)) {
      await this.#run(['unlock', '--remove-all']);
      if (!(await this.#forget(keep))) await this.#run(['prune', '--quiet']);
    }
    over.signal.throwIfAborted();
    if (part === 'state') await writeFile(join(scratch, stateBytes), String(bytes));
    return done;
  }

  /**
   * Fills the folder with what the snapshot has; it is on the disk then.
   * @throws ArchiveError
   */
  async restore(snapshot: string): Promise<void> {
    const { folder, repository } = this.#options;
    const args = ['restore', '--json', '--no-lock', '--sparse', '--target', folder];
    const done = await this.#run([...args, '--', `${snapshot}:${folder}`], undefined, 'read');
    if (done.code !== 0) throw this.#failure(done);
    await syncTree(folder);
    if (repository.in === 'volume' && repository.source !== undefined)
      await copyInto(repository.source, repository.folder);
    this.#progress.percent = 100;
  }

  /** Makes the repository where there is none, and takes away locks of earlier archives: there is one at a time, and it was killed. */
  async #prepare(): Promise<void> {
    const { repository } = this.#options;
    // Each call of restic takes a second, most of it for the key. What lies here can be seen without.
    const seen = repository.in === 'volume' ? await look(repository.folder) : undefined;
    const there = seen?.made ?? (await this.#isMade());
    if (!there) {
      const made = await this.#run(['init']);
      if (made.code !== 0) throw this.#failure(made);
    }
    if (seen?.locked === false) return;
    const unlocked = await this.#run(['unlock', '--remove-all']);
    if (unlocked.code !== 0) throw this.#failure(unlocked);
  }

  async #isMade(): Promise<boolean> {
    const there = await this.#run(['cat', 'config', '--no-lock']);
    if (there.code === exitCodes.noRepository) return false;
    if (there.code !== 0) throw this.#failure(there);
    return true;
  }

  async #snapshots(): Promise<string[]> {
    const { repository } = this.#options;
    if (repository.in === 'volume') return (await look(repository.folder)).snapshots;
    const listed = await this.#run(['snapshots', '--json', '--no-lock']);
    if (listed.code !== 0) throw this.#failure(listed);
    return snapshotList.parse(JSON.parse(listed.output)).map(({ id }) => id);
  }

  /** Answers whether there was something to forget; what nothing needs is gone then. */
  async #forget(named: readonly string[]): Promise<boolean> {
    const old = (await this.#snapshots()).filter((id) => !named.includes(id));
    if (old.length === 0) return false;
    const gone = await this.#run(['forget', '--prune', '--quiet', '--', ...old]);
    // The archive is whole all the same, and the next one tries again.
    if (gone.code !== 0)
      this.#progress.problem = `Older archives could not be removed: ${this.#failure(gone).message}`;
    return true;
  }

  #run(args: readonly string[], signal?: AbortSignal, to: 'read' | 'write' = 'write'): Promise<ResticResult> {
    const { program, repository, scratch } = this.#options;
    const { env, options } = access(repository, to);
    return restic([...options, ...args], {
      program,
      ...(signal === undefined ? {} : { signal }),
      env: {
        ...env,
        RESTIC_CACHE_DIR: join(scratch, 'cache'),
        RESTIC_PROGRESS_FPS: '1',
        TMPDIR: scratch,
        HOME: scratch,
      },
      told: (line) => {
        const progress = this.#progress;
        if (line.message_type === 'status') {
          progress.percent = Math.min(99, Math.floor(line.percent_done * 100));
          progress.bytes = line.bytes_restored ?? line.bytes_done;
          progress.files = line.files_restored ?? line.files_done;
          return;
        }
        progress.bytes = line.total_bytes_processed ?? line.bytes_restored ?? 0;
        progress.files = line.total_files_processed ?? line.files_restored ?? 0;
        progress.addedBytes = line.data_added_packed ?? 0;
        if (line.snapshot_id !== undefined) progress.snapshot = line.snapshot_id;
      },
    });
  }

  /** In the words of the gateway, where it refused; else of restic. */
  #failure({ code, complaint }: ResticResult): ArchiveError {
    const { repository } = this.#options;
    if (this.#hindrance !== undefined) return new ArchiveError(this.#hindrance);
    const which = repository.in === 'bucket' ? ` ${repository.name} in the bucket` : ' on the volume';
    if (code === exitCodes.noRepository) return new ArchiveError(`There are no archives${which}.`);
    if (code === exitCodes.wrongPassword)
      return new ArchiveError(
        `The password does not open the archives${which}: they were made under another master key, or it is the password of others.`,
      );
    return new ArchiveError(plainComplaint(complaint));
  }
}
