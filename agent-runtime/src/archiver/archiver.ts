import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ArchivePart, ArchiveProgress } from '../protocol/archive.ts';
import type { Relay } from './relay.ts';
import { exitCodes, plainComplaint, type ResticResult, restic } from './restic.ts';
import { syncTree } from './sync-tree.ts';

export interface ArchiverOptions {
  part: ArchivePart;
  /** `NAMESPACE/WORKSPACE/UID`. */
  repository: string;
  passwordFile: string;
  /** What is archived, or filled. */
  folder: string;
  /** Shared by the two halves of one archive: restic's cache and its temporary files. */
  scratch: string;
  program: string;
  relay: Pick<Relay, 'problem'>;
  /** Of the relay. */
  url: string;
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
    const problem = this.#progress.problem ?? this.#options.relay.problem;
    return { ...this.#progress, ...(problem === undefined ? {} : { problem }) };
  }

  /**
   * Archives the folder. The last half also forgets what is named by nobody.
   * @param keep snapshots that are named
   * @throws ArchiveError
   */
  async archive(keep: readonly string[]): Promise<void> {
    const { part, folder, scratch } = this.#options;
    if (part === 'state') await this.#prepare();
    const done = await this.#run([
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
    else await this.#forget([...keep, snapshot, await readFile(join(scratch, stateSnapshot), 'utf8')]);
    this.#progress.percent = 100;
  }

  /**
   * Fills the folder with what the snapshot has; it is on the disk then.
   * @throws ArchiveError
   */
  async restore(snapshot: string): Promise<void> {
    const { folder } = this.#options;
    const done = await this.#run([
      ...['restore', '--json', '--no-lock', '--sparse', '--target', folder, '--', `${snapshot}:${folder}`],
    ]);
    if (done.code !== 0) throw this.#failure(done);
    await syncTree(folder);
    this.#progress.percent = 100;
  }

  /** Makes the repository where there is none, and takes away locks of earlier archives: there is one at a time, and it was killed. */
  async #prepare(): Promise<void> {
    const there = await this.#run(['cat', 'config', '--no-lock']);
    if (there.code === exitCodes.noRepository) {
      const made = await this.#run(['init']);
      if (made.code !== 0) throw this.#failure(made);
    } else if (there.code !== 0) throw this.#failure(there);
    const unlocked = await this.#run(['unlock', '--remove-all']);
    if (unlocked.code !== 0) throw this.#failure(unlocked);
  }

  async #forget(named: readonly string[]): Promise<void> {
    const listed = await this.#run(['snapshots', '--json', '--no-lock']);
    if (listed.code !== 0) throw this.#failure(listed);
    const ids = snapshotList.parse(JSON.parse(listed.output)).map(({ id }) => id);
    const old = ids.filter((id) => !named.includes(id));
    if (old.length === 0) return;
    const gone = await this.#run(['forget', '--prune', '--quiet', '--', ...old]);
    // The archive is whole all the same, and the next one tries again.
    if (gone.code !== 0)
      this.#progress.problem = `Older archives could not be removed: ${this.#failure(gone).message}`;
  }

  #run(args: readonly string[]): Promise<ResticResult> {
    const { program, url, repository, passwordFile, scratch } = this.#options;
    return restic(args, {
      program,
      env: {
        RESTIC_REPOSITORY: `rest:${url}/v1/archives/${repository}/`,
        RESTIC_PASSWORD_FILE: passwordFile,
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
    const { relay, repository } = this.#options;
    if (relay.problem !== undefined) return new ArchiveError(relay.problem);
    if (code === exitCodes.noRepository)
      return new ArchiveError(`There are no archives ${repository} in the bucket.`);
    if (code === exitCodes.wrongPassword)
      return new ArchiveError(
        `The password does not open the archives ${repository}: they were made under another master key, or it is the password of others.`,
      );
    return new ArchiveError(plainComplaint(complaint));
  }
}
