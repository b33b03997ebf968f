import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeDurably } from '../storage/durable-file.ts';
import { digestOf, folderName, type Manifest, manifest, manifestBytes } from './manifest.ts';

export interface FoundCheckpoint {
  sequence: number;
  /** Why it is not whole; absent when its manifest could be read. */
  problem?: string;
  manifest?: Manifest;
}

const manifestName = 'manifest.json';

/** The checkpoints on the volume: one folder each, which appears under its name only when it is whole. */
export class CheckpointStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Newest first, those that cannot be read too. */
  async list(): Promise<FoundCheckpoint[]> {
    const names = await readdir(this.#folder);
    const sequences = names.flatMap((name) => (/^\d{8,}$/.test(name) ? [Number(name)] : []));
    const found: FoundCheckpoint[] = [];
    for (const sequence of sequences.sort((a, b) => b - a)) found.push(await this.#read(sequence));
    return found;
  }

  /** Removes what a crash left of checkpoints that were being written. */
  async removeUnfinished(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith('.')) await rm(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /** The bytes of a manifest; undefined when there is none. */
  async read(sequence: number): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.#folder, folderName(sequence), manifestName));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The copy of a file that a manifest names. */
  async readCopy(sequence: number, copy: string): Promise<Buffer> {
    return readFile(join(this.#folder, folderName(sequence), copy));
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

  /** Takes a checkpoint away again, whole or not. */
  async remove(sequence: number): Promise<void> {
    await rm(join(this.#folder, folderName(sequence)), { recursive: true, force: true });
    await syncFolder(this.#folder);
  }

  /** Keeps the newest `keep`, at least one, and always `verified`, the one that this start found whole or that was just written. */
  async prune(keep: number, verified: number): Promise<void> {
    const names = await readdir(this.#folder);
    const sequences = names
      .flatMap((name) => (/^\d{8,}$/.test(name) ? [Number(name)] : []))
      .sort((a, b) => b - a);
    for (const sequence of sequences.slice(Math.max(1, keep)))
      if (sequence !== verified) await this.remove(sequence);
  }

  async #read(sequence: number): Promise<FoundCheckpoint> {
    const bytes = await this.read(sequence);
    if (bytes === undefined) return { sequence, problem: 'it has no manifest' };
    const parsed = manifest.safeParse(parseJson(bytes));
    if (!parsed.success) return { sequence, problem: 'its manifest was cut short or is not of this format' };
    if (parsed.data.sequence !== sequence)
      return { sequence, problem: `its manifest is that of checkpoint ${parsed.data.sequence}` };
    return { sequence, manifest: parsed.data };
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
