/** The operator as a program on a developer's machine, with a kubeconfig and nothing else, in the place of the installed one. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaseHolder, operatorNamespace, replicas, scale } from '../support/operator.ts';
import { suite } from '../support/suite.ts';

const here = suite('outside');
const main = fileURLToPath(new URL('../../operator/src/main.ts', import.meta.url));
let installed = 0;
let operator: ChildProcess | undefined;
let port = 0;

/** Starts it; resolves when it leads. Its standard output is its log. */
async function start(): Promise<ChildProcess> {
  const { file } = here.cluster.access;
  const args = [main, '--kubeconfig', file, '--namespace', operatorNamespace, '--port', '0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${code}`)));
  const leading = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const { msg, port: listening } = JSON.parse(line) as { msg: string; port?: number };
      if (listening !== undefined) port = listening;
      if (msg === 'leading') return;
    }
  })();
  await Promise.race([leading, ended]);
  ended.catch(() => undefined); // its end is looked at where it is asked for
  child.stdout.resume();
  return child;
}

describe('an operator outside the cluster', () => {
  beforeAll(async () => {
    installed = await replicas(here.cluster);
    await scale(here.cluster, 0);
    operator = await start();
  });
  afterAll(async () => {
    operator?.kill('SIGKILL');
    if (installed > 0) await scale(here.cluster, installed);
  });

  it('reaches agents through the API server: a workspace works, sleeps and wakes', async () => {
    const { workspaces } = here;
    await workspaces.create('far');
    expect(await workspaces.ask('far', 'remember: the long way round')).toBeTruthy();
    await workspaces.asleep('far');
    expect(await workspaces.ask('far', 'recall')).toContain('the long way round');
  });

  it('says how it does: alive, ready, and in numbers', async () => {
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    const { text } = await ask('/metrics');
    const value = (series: string) => {
      const line = text.split('\n').find((each) => each.startsWith(`${series} `));
      return line === undefined ? undefined : Number(line.slice(series.length));
    };
    expect(value('dormouse_leader')).toBe(1);
    expect(value('dormouse_workspaces{phase="Running"}')).toBeGreaterThanOrEqual(1);
    for (const what of ['wake', 'sleep', 'checkpoint'])
      expect(value(`dormouse_${what}_duration_seconds_count`), what).toBeGreaterThanOrEqual(1);
    expect(value('dormouse_queue_depth')).toBeGreaterThanOrEqual(0);
    expect(text).toMatch(/^dormouse_api_requests_total\{verb="create",resource="pods",code="201"\} [1-9]/m);
  });

  it('lets go of the lease when it is told to end', async () => {
    const child = operator;
    if (child === undefined) throw new Error('it does not run');
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await leaseHolder(here.cluster)).toBe('');
  });
});
