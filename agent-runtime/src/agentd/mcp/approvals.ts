import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { replaceDurably } from '../storage/durable-file.ts';
import { OneAfterAnother } from '../storage/one-after-another.ts';

/** Servers of files that a person let in: what was approved is the digest, so another command asks anew. */
const approvalsFile = z.object({
  approved: z.array(z.object({ name: z.string(), digest: z.string(), at: z.string() })),
});
/** The oldest go first: whoever has that many is asked again. */
const kept = 500;

/** Remembers, on the volume's `state`, which servers of its files a workspace may start. */
export class McpApprovals {
  readonly #path: string;
  #approved: z.infer<typeof approvalsFile>['approved'];
  readonly #writes = new OneAfterAnother();

  private constructor(path: string, approved: z.infer<typeof approvalsFile>['approved']) {
    this.#path = path;
    this.#approved = approved;
  }

  /** A file that is not there, or that a later version wrote otherwise, approves of nothing. */
  static async open(path: string): Promise<McpApprovals> {
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new McpApprovals(path, []);
      throw error;
    }
    return new McpApprovals(path, parse(text)?.approved ?? []);
  }

  has(digest: string): boolean {
    return this.#approved.some((each) => each.digest === digest);
  }

  /** Resolves when it is on disk. */
  async add(name: string, digest: string): Promise<void> {
    await this.#writes.run(async () => {
      if (this.has(digest)) return;
      const approved = [...this.#approved, { name, digest, at: new Date().toISOString() }].slice(-kept);
      await replaceDurably(this.#path, Buffer.from(`${JSON.stringify({ approved })}\n`));
      this.#approved = approved;
    });
  }
}

function parse(text: string): z.infer<typeof approvalsFile> | undefined {
  try {
    return approvalsFile.safeParse(JSON.parse(text)).data;
  } catch {
    // As one that is not there: every server is asked about again.
    return undefined;
  }
}
