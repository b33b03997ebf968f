import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

const disruptive = ['test/chaos/**/*.test.ts', 'test/e2e/helm.test.ts'];

/** How long `expect.poll` and `vi.waitFor` wait for a condition. */
const patience = {
  expect: { poll: { timeout: 10_000 } },
  setupFiles: 'test/support/patience.ts',
};

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          ...patience,
          include: [
            '{crds,operator,agent-runtime,cli,gateway}/src/**/*.test.ts',
            'hack/**/*.test.ts',
            'test/{support,conformance}/**/*.unit.test.ts',
          ],
          testTimeout: 15_000,
          // Some 300 programs are started from their sources, each of which took 0.3 to 0.6 s of processor time to be compiled; so it takes half.
          env: { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compiled') },
          // Half of them wait, for processes and for limits of time.
          maxWorkers: 3,
        },
      },
      {
        // Against a real API server: KUBECONFIG names the cluster that `hack/cluster up` made.
        test: {
          name: 'integration',
          ...patience,
          include: ['test/{integration,conformance}/**/*.test.ts', 'operator/src/**/*.integration.ts'],
          exclude: ['**/*.unit.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Real pods, the installed chart. Most of the time these wait, so files run side by side.
        test: {
          name: 'e2e',
          ...patience,
          include: ['test/e2e/**/*.test.ts'],
          exclude: disruptive,
          globalSetup: 'test/support/build-command-line.ts',
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 5,
        },
      },
      {
        // What kills, restarts or reinstalls something that every workspace shares: one file after another, nothing beside.
        test: {
          name: 'chaos',
          ...patience,
          include: disruptive,
          testTimeout: 240_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        // hack/cluster itself, on a second cluster.
        test: {
          name: 'cluster',
          ...patience,
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
