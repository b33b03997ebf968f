import { atMost } from '../tools/at-most.ts';

/** What a wake did with the processes of the workspace, by their names. */
export interface WakeSummary {
  restored: readonly string[];
  restarted: readonly string[];
  ended: readonly string[];
}

const patienceMs = 15_000;

/** One line for the model on what a wake did; each session is told once. */
export class WakeNote {
  #text: string | undefined;
  readonly #told = new Set<string>();
  readonly #settled = Promise.withResolvers<void>();

  set(summary: WakeSummary): void {
    this.#text = wakeText(summary);
  }

  /** It is known what the wake did; `set` came before, where there is something to tell. */
  settle(): void {
    this.#settled.resolve();
  }

  /** Resolves when that is known, or the tools have been waited for as long as by a call. Rejects with the signal's reason. */
  known(signal: AbortSignal): Promise<void> {
    return atMost(this.#settled.promise, patienceMs, signal);
  }

  /** What a session has not been told yet. */
  for(session: string): string | undefined {
    return this.#told.has(session) ? undefined : this.#text;
  }

  told(session: string): void {
    this.#told.add(session);
  }
}

/** Undefined where there is nothing to tell. */
export function wakeText({ restored, restarted, ended }: WakeSummary): string | undefined {
  const parts = [
    ['go on where they were, with their memory; connections were closed', restored],
    ['were started afresh', restarted],
    ['are gone', ended],
  ] as const;
  const said = parts.flatMap(([what, names]) =>
    names.length === 0 ? [] : [`${names.slice(0, 20).join(', ')} ${what}`],
  );
  return said.length === 0 ? undefined : `The workspace slept and woke up: ${said.join('; ')}.`;
}
