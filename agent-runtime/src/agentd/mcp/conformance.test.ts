import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const require = createRequire(import.meta.url);
const program = require.resolve('@modelcontextprotocol/conformance/dist/index.js');
const folder = import.meta.dirname;
const run = promisify(execFile);
const env = { ...process.env, NO_COLOR: '1' };

/** Scenarios at a time. All at once, as the suite does it, are sixty processes, and some of them measure times. */
const width = 3;

it('passes the scenarios of @modelcontextprotocol/conformance, but for those with a reason in the baseline', async () => {
  const results = await mkdtemp(join(tmpdir(), 'conformance-'));
  const command = `${process.execPath} ${join(folder, 'conformance-client.ts')}`;
  const { stdout } = await run(process.execPath, [program, 'list', '--client'], { env });
  const scenarios = [...stdout.matchAll(/^ {2}- (\S+)/gm)].map(([, name = '']) => name);
  expect(scenarios.length).toBeGreaterThan(20);
  const failed: string[] = [];
  const said = new Map<string, string>();
  const waiting = [...scenarios];
  const work = async () => {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const args = [program, 'client', '--command', command, '--scenario', scenario, '-o', results];
      try {
        await run(process.execPath, args, { env, maxBuffer: 16 * 1024 * 1024 });
      } catch (error) {
        failed.push(scenario);
        said.set(scenario, (error as { stdout: string }).stdout.slice(-2_000));
      }
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  const baseline = parse(await readFile(join(folder, 'conformance-baseline.yaml'), 'utf8')) as {
    client: string[];
  };
  const unexpected = failed.filter((scenario) => !baseline.client.includes(scenario));
  expect(unexpected.map((scenario) => said.get(scenario))).toEqual([]);
  // One that passes now has no reason any more.
  expect(baseline.client.filter((scenario) => !failed.includes(scenario))).toEqual([]);
  await rm(results, { recursive: true });
}, 180_000);
