import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { backgroundRequest, backgroundTask } from '../../protocol/tools-api.ts';
import { readRegular } from '../../regular-file/regular-file.ts';
import { writeDurably } from '../files/atomic-write.ts';
import type { Log } from '../log.ts';
import { absent, namesIn, unlinkIfThere } from '../output/retention.ts';

/** What is kept of a background task on disk: enough to tell after a crash that it was lost, and to end what it left. */
export const taskRecord = backgroundTask.omit({ outputBytes: true, outputFile: true }).extend({
  /** Names its files. */
  id: backgroundRequest.shape.id,
  command: z.string(),
  pid: z.int(),
  /** Clock ticks; see `ProcessEntry.startTime`. */
  startTime: z.number(),
  /** The kernel's boot id: pid and start time mean nothing under another kernel. */
  kernel: z.string(),
});
/** Bytes of a record that are read: a command has at most 128 KiB. */
const longest = 1024 * 1024;
export type TaskRecord = z.infer<typeof taskRecord>;

/** The folder of records and outputs: `ID.json` beside `ID.log`. */
export class TaskFolder {
  readonly #folder: string;
  readonly #log: Log;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  outputFile(id: string): string {
    return join(this.#folder, `${id}.log`);
  }

  /** Every record that can be read. One that cannot is reported and left where it is. */
  async load(): Promise<TaskRecord[]> {
    const records: TaskRecord[] = [];
    for (const name of await namesIn(this.#folder)) {
      if (!name.endsWith('.json')) continue;
      const path = join(this.#folder, name);
      try {
        records.push(taskRecord.parse(JSON.parse((await readRegular(path, longest)).toString())));
      } catch (error) {
        this.#log.warn('background record cannot be read', { path, error });
      }
    }
    return records;
  }

  /** Returns when the record is on disk. */
  async save(record: TaskRecord): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await writeDurably(this.#recordFile(record.id), JSON.stringify(record), 0o640);
  }

  /** Size in bytes and time of the last change (ms since the epoch) of a task's output. */
  async outputState(id: string): Promise<{ bytes: number; modified: number }> {
    const stats = await stat(this.outputFile(id)).catch(absent);
    return { bytes: stats?.size ?? 0, modified: stats?.mtimeMs ?? 0 };
  }

  async remove(id: string): Promise<void> {
    await unlinkIfThere(this.outputFile(id));
    await unlinkIfThere(this.#recordFile(id));
  }

  #recordFile(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
