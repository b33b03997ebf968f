import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileRefused, readRegular } from '../../regular-file/regular-file.ts';
import { syncFolder, writeDurably } from '../storage/durable-file.ts';
import { digestOf, folderName, type Manifest, manifestBytes, readManifest } from './manifest.ts';

export interface FoundCheckpoint {
  sequence: number;
  /** Why it is not whole; absent when its manifest could be read. */
  problem?: string;
  manifest?: Manifest;
}

const manifestName = 'manifest.json';

/** Bytes that are read of one file. A manifest with 10,000 sessions has 4 MB; the largest copy is that of the events, some 8 MB. */
const limits = { manifest: 32 << 20, copy: 64 << 20 };
/** More checkpoints than that are not looked at: a workspace keeps far fewer. */
const listed = 1000;

/** The checkpoints on the volume: one folder each, which appears under its name only when it is whole. */
export class CheckpointStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Newest first, those that cannot be read too. */
  async list(): Promise<FoundCheckpoint[]> {
    const found: FoundCheckpoint[] = [];
    for (const sequence of (await this.#sequences()).slice(0, listed)) found.push(await this.#read(sequence));
    return found;
  }

  /** Removes what a crash left of checkpoints that were being written. */
  async removeUnfinished(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith('.')) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /** The bytes of a manifest; undefined when there is none. Throws `FileRefused` where it is no file, or too large. */
  async read(sequence: number): Promise<Buffer | undefined> {
    try {
      return await readRegular(join(this.#folder, folderName(sequence), manifestName), limits.manifest);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The copy of a file that a manifest names. */
  async readCopy(sequence: number, copy: string): Promise<Buffer> {
    return readRegular(join(this.#folder, folderName(sequence), copy), limits.copy);
  }

  /**
   * Writes a checkpoint and reads it back: files and manifest into a folder with a temporary name, fsynced, then renamed.
   * Rejects with the system's error, and then nothing is left of it.
   */
  async write(
    document: Manifest,
    copies: ReadonlyMap<string, Uint8Array>,
  ): Promise<{ digest: string; bytes: number }> {
    const temporary = join(this.#folder, `.${folderName(document.sequence)}`);
    const bytes = manifestBytes(document);
    try {
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary);
      for (const [name, content] of copies) await writeDurably(join(temporary, name), content);
      await writeDurably(join(temporary, manifestName), bytes);
      await syncFolder(temporary);
      await rename(temporary, join(this.#folder, folderName(document.sequence)));
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
    const back = await this.read(document.sequence);
    if (back === undefined || digestOf(back) !== digestOf(bytes))
      throw new Error('the manifest read back is another one');
    const copied = [...copies.values()].reduce((sum, content) => sum + content.length, 0);
    return { digest: digestOf(bytes), bytes: bytes.length + copied };
  }

  /** Takes a checkpoint away again, whole or not. Cut off at any moment, all of it is there under its name, or nothing. */
  async remove(sequence: number): Promise<void> {
    const name = folderName(sequence);
    const going = join(this.#folder, `.${name}`);
    await rm(going, { recursive: true, force: true });
    try {
      await rename(join(this.#folder, name), going);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    await syncFolder(this.#folder);
    await rm(going, { recursive: true, force: true });
  }

  /** Keeps the newest `keep`, at least one, and always `verified`, the one that this start found whole or that was just written. */
  async prune(keep: number, verified: number): Promise<void> {
    for (const sequence of (await this.#sequences()).slice(Math.max(1, keep)))
      if (sequence !== verified) await this.remove(sequence);
  }

  /** Removes everything, `last` when nothing else is left. */
  async clear(last: number): Promise<void> {
    for (const name of await readdir(this.#folder))
      if (name !== folderName(last)) await rm(join(this.#folder, name), { recursive: true, force: true });
    await syncFolder(this.#folder);
    await this.remove(last);
  }

  /** Newest first. A folder that no checkpoint of ours would have as its name is not counted. */
  async #sequences(): Promise<number[]> {
    return (await readdir(this.#folder))
      .filter((name) => /^\d{8,12}$/.test(name) && name === folderName(Number(name)))
      .map(Number)
      .filter((sequence) => sequence > 0)
      .sort((a, b) => b - a);
  }

  async #read(sequence: number): Promise<FoundCheckpoint> {
    let bytes: Buffer | undefined;
    try {
      bytes = await this.read(sequence);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!(error instanceof FileRefused) && code !== 'ENOTDIR' && code !== 'EACCES') throw error;
      return { sequence, problem: `its manifest cannot be read (${(error as Error).message})` };
    }
    if (bytes === undefined) return { sequence, problem: 'it has no manifest' };
    const read = readManifest(bytes);
    if ('problem' in read) return { sequence, problem: `its manifest ${read.problem}` };
    const { manifest } = read;
    if (manifest.sequence !== sequence)
      return { sequence, problem: `its manifest is that of checkpoint ${manifest.sequence}` };
    return { sequence, manifest };
  }
}
