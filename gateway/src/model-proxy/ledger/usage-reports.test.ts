import type { AgentUsage, AgentWorkspace } from '@dormouse/crds';
import { HttpKubeClient, resources } from '@dormouse/operator/kube';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiServer, answer } from '../../../../test/support/api-server/index.ts';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { UsageReports } from './usage-reports.ts';

const day = '2030-01-01';
const collection = 'apis/dormouse.dev/v1alpha1/agentworkspaces';
const minute = 60_000;

let api: ApiServer;
let kube: HttpKubeClient;
let clock: FakeClock;
let limit: number | undefined;
let warnings: object[];
const replicas: UsageReports[] = [];

beforeEach(async () => {
  api = new ApiServer();
  clock = new FakeClock(Date.parse(`${day}T10:00:00Z`));
  limit = undefined;
  warnings = [];
  const server = await api.start();
  kube = new HttpKubeClient({ credentials: { server, proof: async () => ({ tls: {}, headers: {} }) } });
  put({ phase: 'Running' });
});
afterEach(async () => {
  for (const each of replicas.splice(0)) each.close();
  await kube.close();
  await api.close();
});

const put = (status: object) =>
  api.objects.put(collection, 'team/home', {
    metadata: { name: 'home', namespace: 'team' },
    status,
  } as never);
const home = () => api.objects.get(collection, 'team/home') as AgentWorkspace | undefined;
const writes = () => api.requests.filter(({ subresource }) => subresource === 'status').length;
const shown = () => home()?.status?.usage;

/** A gateway whose cache is never late. */
function replica(random = 0): UsageReports {
  const reports = new UsageReports({
    kube,
    clock,
    random: () => random,
    workspace: home,
    limitOf: () => limit,
    log: { warn: (fields) => warnings.push(fields) },
  });
  replicas.push(reports);
  return reports;
}
function used(tokens: number, of: Partial<AgentUsage['spec']> = {}): AgentUsage {
  const workspace = { namespace: 'team', name: 'home', uid: home()?.metadata.uid ?? 'gone' };
  return {
    apiVersion: 'dormouse.dev/v1alpha1',
    kind: 'AgentUsage',
    metadata: { name: `u-${day}` },
    spec: { workspace, day, totalTokens: tokens, charges: [], reservations: [], ...of },
  };
}
/** Lets so much time go by, and what was sent in it be answered. */
async function pass(milliseconds: number, written: number): Promise<void> {
  await clock.advance(milliseconds);
  await vi.waitFor(() => expect(writes()).toBe(written));
  // The next wait begins when the answer is here.
  await vi.waitFor(() => expect(clock.pending).toBeGreaterThan(0));
}

describe('what a workspace used', () => {
  it('is written once for all calls of half a minute, beside what the operator says', async () => {
    const reports = replica();
    for (const tokens of [10, 20, 30]) reports.note(used(tokens));
    await pass(29_999, 0);
    await pass(1, 1);
    expect(home()?.status).toEqual({ phase: 'Running', usage: { day, tokens: 30 } });
    const [{ query, body } = {}] = api.requests.filter(({ subresource }) => subresource === 'status');
    expect(query?.get('force')).toBe('true');
    expect(body?.status).toEqual({ usage: { day, tokens: 30 } });
    reports.note(used(40));
    await pass(29_999, 1);
    await pass(1, 2);
    expect(shown()).toEqual({ day, tokens: 40 });
    // Nothing is left to wait for.
    await clock.advance(minute);
    expect([writes(), clock.pending]).toEqual([2, 0]);
  });

  it('is written at once when the limit is reached, and then as before', async () => {
    limit = 100;
    const reports = replica();
    reports.note(used(50));
    await pass(10_000, 0);
    reports.note(used(120));
    await pass(0, 1);
    expect(shown()).toEqual({ day, tokens: 120, limit: 100 });
    reports.note(used(130));
    await pass(29_999, 1);
    await pass(1, 2);
    expect(shown()).toEqual({ day, tokens: 130, limit: 100 });
  });

  it('that reaches the limit while less is being written is written right after it', async () => {
    limit = 100;
    const reports = replica();
    reports.note(used(50));
    await clock.advance(30_000);
    reports.note(used(150));
    await vi.waitFor(() => expect(shown()?.tokens).toBe(150));
    expect(writes()).toBe(2);
  });

  it('is written by one replica, whichever saw it', async () => {
    const both = [replica(0), replica(0.9)];
    for (const each of both) each.note(used(10));
    await pass(31_000, 1);
    await clock.advance(10 * minute);
    expect(writes()).toBe(1);
    // One that has more to say waits until half a minute is over since the other one wrote.
    both[1]?.note(used(20));
    await clock.advance(10_000);
    put({ phase: 'Running', usage: { day, tokens: 15 } });
    await clock.advance(30_000);
    expect(writes()).toBe(1);
    await pass(40_000, 2);
    expect(shown()?.tokens).toBe(20);
  });

  it('is not written where the status says so, nor of a day that is over', async () => {
    put({ usage: { day, tokens: 10 } });
    const reports = replica();
    reports.note(used(10));
    reports.note(used(99, { day: '2029-12-31' }));
    await clock.advance(minute);
    expect([writes(), clock.pending]).toEqual([0, 0]);
  });

  it('is not written to another workspace of the same name, nor to one that is gone', async () => {
    const reports = replica();
    const before = used(10);
    reports.note(before);
    api.objects.delete(collection, 'team/home');
    put({ phase: 'Pending' });
    await clock.advance(minute);
    api.objects.delete(collection, 'team/home');
    reports.note(before);
    await clock.advance(minute);
    expect([writes(), clock.pending]).toEqual([0, 0]);
    await expect(kube.get(resources.workspaces, { namespace: 'team', name: 'home' })).rejects.toThrow();
  });

  it('is written later where the API server does not take it, and the log says so', async () => {
    const reports = replica();
    api.misbehave({ matches: ({ subresource }) => subresource === 'status', respond: answer(500) });
    reports.note(used(10));
    await pass(30_000, 1);
    expect(warnings).toMatchObject([{ workspace: 'team/home' }]);
    await pass(30_000, 2);
    expect(shown()?.tokens).toBe(10);
  });

  it('is left to others by a gateway that ends', async () => {
    const reports = replica();
    reports.note(used(10));
    reports.close();
    await clock.advance(minute);
    expect([writes(), clock.pending]).toEqual([0, 0]);
  });
});
