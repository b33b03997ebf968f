/** What a wake did with the processes of the workspace, by their names. */
export interface WakeSummary {
  restored: readonly string[];
  restarted: readonly string[];
  ended: readonly string[];
}

/** One line for the model on what a wake did; each session is told once. */
export class WakeNote {
  #text: string | undefined;
  readonly #told = new Set<string>();

  set(summary: WakeSummary): void {
    this.#text = wakeText(summary);
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
