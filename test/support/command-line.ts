import { expect } from 'vitest';
import { program } from './build-command-line.ts';
import type { Cluster } from './cluster.ts';
import { type Output, run } from './program.ts';
import type { Workspaces } from './workspaces.ts';

/** The command line, in the namespace of the tests of a file. */
export function commandLine(here: { cluster: Cluster; workspaces: Workspaces }) {
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
