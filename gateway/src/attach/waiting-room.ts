import { type Clock, keyOf } from '@dormouse/operator/kube';
import type { WorkspaceName } from '../auth/index.ts';
import { Refusal } from '../http/refusal.ts';
import type { Standing } from './standing.ts';

export type Running = Extract<Standing, { state: 'running' }>;

export interface WaitingRoomOptions {
  clock: Clock;
  standing: (workspace: WorkspaceName) => Standing;
  /** Whether the API server knows a workspace that the cache does not show. */
  exists: (workspace: WorkspaceName) => Promise<boolean>;
  /** Requests held at most, of one workspace and in all. */
  limit: { workspace: number; all: number };
}

interface Room {
  looks: Set<() => void>;
  held: number;
}

/** Where requests wait for a workspace that does not run yet. Nothing of them is read meanwhile. */
export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #rooms = new Map<string, Room>();
  #held = 0;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /** Requests that are held now. */
  get held(): number {
    return this.#held;
  }

  /** A workspace may stand elsewhere: those who wait for it look again. */
  changed(workspace: WorkspaceName): void {
    for (const look of [...(this.#rooms.get(keyOf(workspace))?.looks ?? [])]) look();
  }

  /**
   * Holds a request until the workspace takes it.
   *
   * @param deadline on the clock's monotonic hand
   * @param looked called whenever the workspace may stand elsewhere meanwhile
   * @throws Refusal `not_found` where there is none; `unavailable` where it cannot run, does not in time, or where too many
   * wait already; the signal's reason.
   */
  async untilRunning(
    workspace: WorkspaceName,
    deadline: number,
    signal: AbortSignal,
    looked?: () => void,
  ): Promise<Running> {
    const { standing, exists, limit } = this.#options;
    const now = standing(workspace);
    if (now.state === 'running') return now;
    if (now.state === 'stuck') throw unavailable(workspace, now.why, 10);
    if (now.state === 'missing' && !(await exists(workspace))) throw missing(workspace);
    const room = this.#roomOf(workspace);
    if (room.held >= limit.workspace || this.#held >= limit.all)
      throw unavailable(workspace, 'Too many requests wait for it already.', 5);
    room.held += 1;
    this.#held += 1;
    try {
      return await this.#wait(workspace, room, signal, deadline, looked);
    } finally {
      room.held -= 1;
      this.#held -= 1;
    }
  }

  /** Resolves when the workspace runs, be it in days. Such a wait costs a few hundred bytes, and has no limit of its own. */
  whenever(workspace: WorkspaceName, signal: AbortSignal): Promise<Running> {
    return this.#wait(workspace, this.#roomOf(workspace), signal, undefined);
  }

  #roomOf(workspace: WorkspaceName): Room {
    const key = keyOf(workspace);
    const known = this.#rooms.get(key);
    if (known !== undefined) return known;
    const room = { looks: new Set<() => void>(), held: 0 };
    this.#rooms.set(key, room);
    return room;
  }

  #wait(
    workspace: WorkspaceName,
    room: Room,
    signal: AbortSignal,
    deadline: number | undefined,
    looked?: () => void,
  ): Promise<Running> {
    const { clock, standing } = this.#options;
    return new Promise<Running>((resolve, reject) => {
      let known = false;
      let cancel: (() => void) | undefined;
      const leave = () => {
        cancel?.();
        signal.removeEventListener('abort', aborted);
        room.looks.delete(look);
        if (room.looks.size === 0) this.#rooms.delete(keyOf(workspace));
      };
      const aborted = () => {
        leave();
        reject(signal.reason);
      };
      const look = () => {
        looked?.();
        const now = standing(workspace);
        // One that was just created may be missing in the cache for a moment.
        if (now.state === 'missing' && !known) return;
        known = true;
        if (now.state === 'waiting' || (now.state === 'stuck' && deadline === undefined)) return;
        leave();
        if (now.state === 'running') resolve(now);
        else if (now.state === 'missing') reject(missing(workspace));
        else reject(unavailable(workspace, now.why, 10));
      };
      room.looks.add(look);
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted, { once: true });
      if (deadline !== undefined)
        cancel = clock.schedule(Math.max(0, deadline - clock.monotonic()), () => {
          const now = standing(workspace);
          leave();
          reject(unavailable(workspace, 'why' in now ? now.why : 'The gateway has not seen it yet.', 5));
        });
      look();
    });
  }
}

function missing(workspace: WorkspaceName): Refusal {
  return new Refusal('not_found', `There is no AgentWorkspace ${keyOf(workspace)}.`);
}

/** @param retryAfter seconds */
export function unavailable(workspace: WorkspaceName, why: string, retryAfter: number): Refusal {
  return new Refusal('unavailable', `AgentWorkspace ${keyOf(workspace)} does not answer now. ${why}`, {
    'retry-after': String(retryAfter),
  });
}
