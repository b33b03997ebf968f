import type { Outcome } from './exit-code.ts';
import { printable } from './output/printable.ts';

/** What a person is told when a command does not do what it was asked for. */
export class Failure extends Error {
  readonly outcome: Outcome;
  /** What to do next, one suggestion a line; empty where there is nothing to do. */
  readonly next: readonly string[];

  /** @param message what happened, and to which object: a sentence without the period at its end */
  constructor(outcome: Outcome, message: string, next: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = 'Failure';
    this.outcome = outcome;
    this.next = next;
  }
}

/** The reason with which a signal aborts when a person presses Ctrl-C. */
export class Interrupted extends Failure {
  constructor(next: readonly string[] = []) {
    super('interrupted', 'interrupted', next);
  }
}

/** What is written to standard error about a failure. */
export function report({ message, next }: Failure): string {
  return printable([`error: ${message}`, ...next.map((line) => `  ${line}`)].join('\n'));
}

/** Ends the program with a code that is not its own: that of a command which ran somewhere else. */
export class Exited extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.name = 'Exited';
    this.code = code;
  }
}
