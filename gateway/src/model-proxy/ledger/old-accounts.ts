import { type Clock, type KubeClient, NotFoundError, resources } from '@dormouse/operator/kube';
import { dayOf } from './account.ts';
import type { UsageRecords } from './usage-records.ts';

export interface OldAccountsOptions {
  kube: Pick<KubeClient, 'delete'>;
  records: Pick<UsageRecords, 'informer'>;
  clock: Clock;
  /** Days that accounts are kept, besides today. */
  keep: number;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: { warn(fields: object, message: string): void };
}

const hour = 3_600_000;
const day = 24 * hour;

/** Deletes accounts of days long ago, about once an hour. Every replica does; which one is first makes no difference. */
export class OldAccounts {
  readonly #options: OldAccountsOptions;
  #cancel: () => void = () => undefined;

  constructor(options: OldAccountsOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, random, log } = this.#options;
    this.#cancel = clock.schedule(hour * (0.5 + random()), () => {
      this.start();
      this.sweep().catch((error: unknown) => log.warn({ err: error }, 'old usage was not deleted'));
    });
  }

  stop(): void {
    this.#cancel();
  }

  async sweep(): Promise<void> {
    const { kube, records, clock, keep } = this.#options;
    const oldest = dayOf(clock.now() - keep * day);
    for (const { metadata, spec } of records.informer.list()) {
      if (spec.day >= oldest) continue;
      try {
        const uid = metadata.uid === undefined ? {} : { uid: metadata.uid };
        await kube.delete(resources.usages, metadata, uid);
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
      }
    }
  }
}
