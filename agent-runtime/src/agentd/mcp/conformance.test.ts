import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const folder = import.meta.dirname;

const require = createRequire(import.meta.url);
const program = require.resolve('@modelcontextprotocol/conformance/dist/index.js');

it('passes the scenarios of @modelcontextprotocol/conformance, but for those with a reason in the baseline', async () => {
  const results = await mkdtemp(join(tmpdir(), 'conformance-'));
  const command = `${process.execPath} ${join(folder, 'conformance-client.ts')}`;
  const baseline = join(folder, 'conformance-baseline.yaml');
  const run = promisify(execFile)(
    process.execPath,
    [
      program,
      'client',
      '--command',
      command,
      '--suite',
      'all',
      '--expected-failures',
      baseline,
      '-o',
      results,
    ],
    { env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 },
  );
  // It fails where a scenario fails that is not in the baseline, and where one of the baseline passes.
  const said = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) =>
      `FAILED\n${error.stdout.split('=== SUITE')[1] ?? error.stdout.slice(-3_000)}`,
  );
  expect(said).not.toContain('FAILED\n');
  expect(said).toMatch(/✓ initialize: 1 passed/);
  await rm(results, { recursive: true });
}, 180_000);
