import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest in a whole run, by their waits: not by their size, which vitest goes by in a fresh clone. Begun last, they
 * ran alone at the end while the cores were idle: a minute and a half of eight.
 */
const longest = [
  'archive',
  'fork',
  'cli-gateway',
  'bad-checkpoint',
  'thirty',
  'rewind',
  'cli-checkpoints',
  'programs',
  'sleep-and-wake',
  'process-images',
  'dump-failure',
  'full-volume',
  'schedule',
].map((name) => `test/e2e/${name}.test.ts`);

/** Starts those first; what follows is in vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.indexOf(relative(this.ctx.config.root, moduleId));
      return place === -1 ? longest.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
