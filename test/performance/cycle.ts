import type { Workspaces } from '../support/workspaces.ts';

const idleAfterMs = 5_000;

/** Milliseconds of a wake and the sleep after it. */
export interface Cycle {
  /** From the request for a message until the agent has it, and until it is answered. */
  delivered: number;
  answered: number;
  /** From the moment at which it has been idle long enough until its pod is gone. */
  sleep: number;
}

/** Wakes a workspace that sleeps by a message, and lets it sleep again. */
export async function cycle(workspaces: Workspaces, name: string): Promise<Cycle> {
  const sent = performance.now();
  const message = await workspaces.send(name, 'say: awake');
  await workspaces.messageIn(message, ['Delivered', 'Working', 'Completed']);
  const delivered = performance.now() - sent;
  const { status } = await workspaces.messageIn(message, ['Completed']);
  const answered = performance.now() - sent;
  const deadline = Date.parse(status?.completedAt ?? '') + idleAfterMs;
  await workspaces.cluster.waitUntilGone(workspaces.pod(name), 120_000);
  const sleep = Date.now() - deadline;
  await workspaces.asleep(name);
  return { delivered, answered, sleep };
}
