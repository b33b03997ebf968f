import type { Logger } from 'pino';
import type { ScheduleState } from '../../protocol/state.ts';
import type { Session } from '../session/session.ts';
import { describeRhythm, dueAt, type Kept } from './schedule.ts';

export interface SchedulerParts {
  sessions: () => readonly Session[];
  /** Milliseconds between two prompts of one schedule, at least. */
  minInterval: () => number;
  /** Nothing may begin now; `look` is called again when it may. */
  held: () => boolean;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** The next moment changed, perhaps. */
  changed: () => void;
  log: Logger;
}

/** Milliseconds until what could not be given is tried again. */
const retryMs = 5_000;
/** The longest that a timer runs; then it is set again. */
const longestMs = 3_600_000;

interface Due {
  session: Session;
  kept: Kept;
  at: number;
}

/** Gives sessions the prompts that they scheduled, each once, and knows when the workspace must be awake for the next one. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #stopped = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Every schedule, the next one first. */
  list(): ScheduleState[] {
    return this.#all().map(({ session, kept: { schedule }, at }) => ({
      id: schedule.id,
      session: session.id,
      prompt: schedule.prompt,
      rhythm: describeRhythm(schedule),
      nextAt: new Date(at).toISOString(),
    }));
  }

  /** When the next prompt is due. */
  get next(): string | undefined {
    const [first] = this.#all();
    return first && new Date(first.at).toISOString();
  }

  /** Gives what is due, and sets the timer for what comes next. Call it when schedules changed or nothing is held any more. */
  look(): void {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#looking) return;
    this.#looking = true;
    const wait = (milliseconds: number | undefined) => {
      this.#looking = false;
      if (this.#stopped || milliseconds === undefined) return;
      this.#timer = setTimeout(() => this.look(), Math.min(milliseconds, longestMs));
      // It is no reason for a process to go on.
      this.#timer.unref();
    };
    this.#giveDue().then(wait, (error: unknown) => {
      this.#parts.log.error({ err: error }, 'a scheduled prompt could not be given');
      wait(retryMs);
    });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves with the milliseconds until the next look; undefined: there is nothing to wait for. */
  async #giveDue(): Promise<number | undefined> {
    const { held, now, log, changed } = this.#parts;
    let blocked = false;
    for (const { session, kept, at } of this.#all()) {
      if (at > now() || held()) break;
      // A round that takes longer than its interval is not followed by another one before it ends.
      if (session.works(kept.schedule.id)) {
        blocked = true;
        continue;
      }
      await session.fire(kept.schedule, new Date(now()).toISOString());
      log.info({ session: session.id, schedule: kept.schedule.id }, 'scheduled prompt given');
      changed();
    }
    const waiting = this.#all().find(({ at }) => at > now());
    const wait = waiting && waiting.at - now();
    return blocked ? Math.min(wait ?? retryMs, retryMs) : wait;
  }

  #all(): Due[] {
    const minInterval = this.#parts.minInterval();
    return this.#parts
      .sessions()
      .flatMap((session) =>
        [...session.logs.ledger.schedules.values()].flatMap((kept): Due[] => {
          const at = dueAt(kept, minInterval);
          return at === undefined ? [] : [{ session, kept, at }];
        }),
      )
      .sort((a, b) => a.at - b.at);
  }
}
