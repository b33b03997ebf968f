import type { AgentUsage } from '@dormouse/crds';
import { NotFoundError } from '@dormouse/operator/kube';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { openAccount } from './account.ts';
import { OldAccounts } from './old-accounts.ts';

const hour = 3_600_000;

it('accounts of days long ago are deleted within the hours, each once, whoever was first', async () => {
  const clock = new FakeClock();
  const today = Date.parse(`${new Date(clock.now()).toISOString().slice(0, 10)}T00:00:00Z`);
  const account = (daysAgo: number) => {
    const day = new Date(today - daysAgo * 24 * hour).toISOString().slice(0, 10);
    const metadata = { namespace: 'system', name: `u-${day}`, uid: `uid-${daysAgo}` };
    return { metadata, spec: openAccount({ namespace: 'team', name: 'home', uid: 'u' }, day) } as AgentUsage;
  };
  const deleted: unknown[] = [];
  const accounts = new OldAccounts({
    clock,
    keep: 8,
    random: () => 0,
    log: { warn: (fields) => deleted.push(fields) },
    records: { informer: { list: () => [account(0), account(8), account(9), account(30)] } as never },
    kube: {
      delete: async (_of, { name }, preconditions) => {
        deleted.push(preconditions);
        if (name === account(9).metadata.name) throw new NotFoundError('another replica did', 404);
      },
    },
  });
  accounts.start();
  await clock.advance(hour / 2);
  expect(deleted).toEqual([{ uid: 'uid-9' }, { uid: 'uid-30' }]);
  accounts.stop();
  await clock.advance(3 * hour);
  expect(deleted).toHaveLength(2);
});
