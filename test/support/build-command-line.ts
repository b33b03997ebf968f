import { fileURLToPath } from 'node:url';
import { run } from './program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The file that is shipped. Built once before the tests of all files, which run side by side. */
export const program = `${root}/dist/dormouse/dormouse.js`;

export async function setup(): Promise<void> {
  const { code, stderr } = await run(process.execPath, ['hack/build.ts', 'dormouse'], { cwd: root });
  if (code !== 0) throw new Error(`the command line cannot be built: ${stderr}`);
}
