import { fileURLToPath } from 'node:url';
import { beforeAll, expect } from 'vitest';
import type { Cluster } from './cluster.ts';
import { type Output, run } from './program.ts';
import type { Workspaces } from './workspaces.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The file that is shipped. */
export const program = `${root}/dist/dormouse/dormouse.js`;

/** Builds the command line before the tests of a file; runs it in their namespace. */
export function commandLine(here: { cluster: Cluster; workspaces: Workspaces }) {
  beforeAll(async () => {
    const { code, stderr } = await run(process.execPath, ['hack/build.ts', 'dormouse'], { cwd: root });
    if (code !== 0) throw new Error(`the command line cannot be built: ${stderr}`);
  });
  const environment = () => ({ KUBECONFIG: here.cluster.access.file, NO_COLOR: '1' });
  const dormouse = (args: string[], input?: string): Promise<Output> =>
    run(process.execPath, [program, '--namespace', here.workspaces.namespace, ...args], {
      env: environment(),
      ...(input !== undefined && { input }),
    });
  /** What it prints; anything but exit code 0 fails the test with what it said. */
  const succeed = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await dormouse(args);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  return { environment, dormouse, succeed };
}
