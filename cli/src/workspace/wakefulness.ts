import type { AgentWorkspace } from '@dormouse/crds';
import { type Clock, type KubeClient, KubeError } from '@dormouse/operator/kube';
import { follow } from '../cluster/follow.ts';
import { kinds } from '../cluster/resources.ts';
import { phaseOf } from './columns.ts';

/** Follows whether a workspace sleeps. Who may not look at workspaces never learns that it does. */
export class Wakefulness {
  #asleep = false;
  #wakers: (() => void)[] = [];

  /** @param told when it falls asleep, begins to wake up, and runs again */
  constructor(
    kube: Pick<KubeClient, 'list' | 'watch'>,
    at: { namespace: string; name: string; clock: Clock; signal: AbortSignal },
    told: (change: 'sleeps' | 'wakes up' | 'runs') => void,
  ) {
    let before: string | undefined;
    let slept = false;
    const look = (workspace: AgentWorkspace | undefined) => {
      const phase = workspace === undefined ? undefined : phaseOf(workspace);
      this.#set(phase === 'Suspended');
      if (phase === before) return;
      if (before !== undefined && phase === 'Suspended') told('sleeps');
      if (before === 'Suspended' && phase !== undefined) told('wakes up');
      if (slept && phase === 'Running') told('runs');
      slept = phase === 'Suspended' || (slept && phase !== 'Running');
      before = phase;
    };
    follow(kube, kinds.workspaces, {
      ...at,
      listed: ([workspace]) => look(workspace),
      changed: (workspace, deleted) => look(deleted ? undefined : workspace),
    }).catch((error: unknown) => {
      this.#set(false);
      if (!at.signal.aborted && !(error instanceof KubeError)) throw error;
    });
  }

  /** Resolves at once unless it is known to sleep; else when it does no longer. */
  awake(): Promise<void> {
    return this.#asleep ? new Promise((resolve) => this.#wakers.push(resolve)) : Promise.resolve();
  }

  #set(asleep: boolean): void {
    this.#asleep = asleep;
    if (asleep) return;
    for (const wake of this.#wakers.splice(0)) wake();
  }
}
