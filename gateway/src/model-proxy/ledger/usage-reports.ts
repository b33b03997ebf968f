import type { AgentUsage, AgentUsageSpec, AgentWorkspace } from '@dormouse/crds';
import { type Clock, type KubeClient, keyOf, resources } from '@dormouse/operator/kube';
import { dayOf } from './account.ts';
import { sameUsage, type TodaysUsage, todaysUsage, whenToTell } from './todays-usage.ts';

export interface UsageReportsOptions {
  kube: Pick<KubeClient, 'applyStatus'>;
  /** The workspace as the cache shows it. */
  workspace: (name: { namespace: string; name: string }) => AgentWorkspace | undefined;
  /** Tokens that it may use on one day; undefined: as many as it likes. */
  limitOf: (workspace: AgentWorkspace) => number | undefined;
  clock: Clock;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: { warn(fields: object, message: string): void };
}

/** A difference between an account and what is said of it. */
interface Report {
  account: AgentUsageSpec;
  /** What the status said when the wait began. */
  said: TodaysUsage | undefined;
  /** Undefined while it is being written. */
  cancel: (() => void) | undefined;
}

/** Milliseconds between two writes to one workspace, and the most that replicas lie apart, so that the second sees what the first wrote. */
const pause = 30_000;
const apart = 5_000;

/**
 * Writes `status.usage` of workspaces, from the accounts as the watch shows them: docs/decisions/0014. Every replica compares; one
 * that finds that another wrote meanwhile waits anew. So nothing is lost with a replica, and nobody has to be chosen.
 */
export class UsageReports {
  readonly #options: UsageReportsOptions;
  /** By UID of the workspace. */
  readonly #reports = new Map<string, Report>();

  constructor(options: UsageReportsOptions) {
    this.#options = options;
  }

  /** Takes an account that is new or has changed. */
  note({ spec: account }: AgentUsage): void {
    if (account.day !== dayOf(this.#options.clock.now())) return;
    const { uid } = account.workspace;
    let report = this.#reports.get(uid);
    if (report === undefined) {
      report = { account, said: this.#shown(account), cancel: undefined };
      this.#reports.set(uid, report);
      this.#wait(report);
    }
    report.account = account;
    this.#hurry(report);
  }

  /** Gives up what is not written: another replica does it, or this one when it is back. */
  close(): void {
    for (const { cancel } of this.#reports.values()) cancel?.();
    this.#reports.clear();
  }

  #wait(report: Report): void {
    const { clock, random } = this.#options;
    report.cancel = clock.schedule(pause + apart * random(), () => this.#look(report));
  }

  /** Writes at once what must not wait, unless a write is under way, which looks again when it is over. */
  #hurry(report: Report): void {
    const usage = this.#usage(report.account);
    if (report.cancel === undefined || usage === undefined || whenToTell(report.said, usage) !== 'now')
      return;
    report.cancel();
    void this.#write(report, usage);
  }

  #look(report: Report): void {
    const { account, said } = report;
    const usage = this.#usage(account);
    report.said = this.#shown(account);
    if (usage === undefined || whenToTell(report.said, usage) === 'never')
      this.#reports.delete(account.workspace.uid);
    // Another replica wrote, and there is more already.
    else if (!sameUsage(report.said, said)) this.#wait(report);
    else void this.#write(report, usage);
  }

  async #write(report: Report, usage: TodaysUsage): Promise<void> {
    const { kube, log } = this.#options;
    const { workspace } = report.account;
    report.cancel = undefined;
    let written = false;
    try {
      await kube.applyStatus(resources.workspaces, workspace, { usage }, { uid: workspace.uid });
      report.said = usage;
      written = true;
    } catch (error) {
      const why = { err: error, workspace: keyOf({ namespace: workspace.namespace, name: workspace.name }) };
      log.warn(why, 'what a workspace used is not in its status yet');
    }
    // It was closed meanwhile.
    if (this.#reports.get(workspace.uid) !== report) return;
    this.#wait(report);
    if (written) this.#hurry(report);
  }

  /** What its status is to say; undefined where the workspace is gone, or not known yet. */
  #usage(account: AgentUsageSpec): TodaysUsage | undefined {
    const workspace = this.#workspace(account);
    return workspace && todaysUsage(account, this.#options.limitOf(workspace));
  }

  #shown(account: AgentUsageSpec): TodaysUsage | undefined {
    return this.#workspace(account)?.status?.usage;
  }

  #workspace({ workspace: { uid, ...name } }: AgentUsageSpec): AgentWorkspace | undefined {
    const found = this.#options.workspace(name);
    return found?.metadata.uid === uid ? found : undefined;
  }
}
