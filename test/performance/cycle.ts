import { setTimeout as pause } from 'node:timers/promises';
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

/**
 * Wakes a workspace that sleeps by a message, and lets it sleep again. The kubelet looks at its containers once a second, and a wake and
 * the sleep five seconds after it keep step with that: a sleep that is 0.3 s longer may take a second more, or nothing. With `chance` another
 * message comes in between, at a moment that is left to chance.
 */
export async function cycle(workspaces: Workspaces, name: string, chance = false): Promise<Cycle> {
  const sent = performance.now();
  const message = await workspaces.send(name, 'say: awake');
  await workspaces.messageIn(message, ['Delivered', 'Working', 'Completed']);
  const delivered = performance.now() - sent;
  let { status } = await workspaces.messageIn(message, ['Completed']);
  const answered = performance.now() - sent;
  if (chance) {
    await pause(Math.random() * 1_000);
    const another = await workspaces.send(name, 'say: still awake');
    ({ status } = await workspaces.messageIn(another, ['Completed']));
  }
  const deadline = Date.parse(status?.completedAt ?? '') + idleAfterMs;
  await workspaces.cluster.waitUntilGone(workspaces.pod(name), 120_000);
  const sleep = Date.now() - deadline;
  await workspaces.asleep(name);
  return { delivered, answered, sleep };
}
