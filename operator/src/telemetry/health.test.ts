import { afterEach, describe, expect, it } from 'vitest';
import { hangingIn, serveHealth } from './health.ts';
import { Metrics } from './metrics.ts';

let health: Awaited<ReturnType<typeof serveHealth>>;
let isReady: boolean;
let hanging: string | undefined;
const metrics = new Metrics();
metrics.watchQueue({ depth: 3, oldestAge: 1500 });

async function get(path: string): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`http://127.0.0.1:${health.port}${path}`);
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text: await response.text(),
  };
}

async function serve(): Promise<void> {
  isReady = false;
  hanging = undefined;
  health = await serveHealth(0, {
    metrics,
    unready: () => (isReady ? undefined : 'the caches are being filled'),
    hanging: () => hanging,
  });
}

afterEach(() => health.close());

describe('the health server', () => {
  it('is alive at once and ready only when the caches are filled', async () => {
    await serve();
    expect(await get('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await get('/readyz')).toMatchObject({ status: 503, text: 'the caches are being filled\n' });
    isReady = true;
    expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('asks to be restarted when something hangs, and says what', async () => {
    await serve();
    hanging = 'the watch of pods hangs';
    expect(await get('/healthz')).toMatchObject({ status: 503, text: 'the watch of pods hangs\n' });
  });

  it('takes silence of five minutes for a hanging watch, and work of five minutes for a hanging worker', () => {
    const pods = { resource: { plural: 'pods' }, silence: 299_000 };
    expect(hangingIn([pods], { longestWork: 299_000 })).toBeUndefined();
    expect(hangingIn([pods], undefined)).toBeUndefined();
    expect(hangingIn([{ ...pods, silence: 301_000 }], undefined)).toBe('the watch of pods hangs');
    expect(hangingIn([pods], { longestWork: 301_000 })).toBe('a worker hangs');
  });

  it('shows each metric under the name that dashboards and alerts know', async () => {
    await serve();
    metrics.workspaces.set({ phase: 'Sleeping' }, 7);
    metrics.wakeDuration.observe(1.2);
    metrics.sleepDuration.observe(2);
    metrics.checkpointDuration.observe(0.2);
    metrics.observeWork({ result: 'ok', seconds: 0.004, waited: 0.1 });
    metrics.observeRequest({ verb: 'get', resource: 'pods', code: '200' });
    metrics.watchRestarted('pods', 'expired');
    const { status, type, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(type).toContain('text/plain');
    for (const line of [
      'dormouse_workspaces{phase="Sleeping"} 7',
      'dormouse_wake_duration_seconds_count 1',
      'dormouse_sleep_duration_seconds_count 1',
      'dormouse_checkpoint_duration_seconds_count 1',
      'dormouse_reconcile_duration_seconds_count{result="ok"} 1',
      'dormouse_queue_depth 3',
      'dormouse_queue_oldest_age_seconds 1.5',
      'dormouse_watch_restarts_total{resource="pods",reason="expired"} 1',
      'dormouse_api_requests_total{verb="get",resource="pods",code="200"} 1',
    ])
      expect(text.split('\n')).toContain(line);
  });

  it('says why it cannot listen', async () => {
    await serve();
    await expect(
      serveHealth(health.port, { metrics, unready: () => undefined, hanging: () => undefined }),
    ).rejects.toThrow('EADDRINUSE');
  });
});
