import { constants } from 'node:os';
import { type ExitMessage, exitMessage } from '@dormouse/agent-runtime/protocol';

/** How the command ended; undefined where the message says something else. */
export function parseExit(text: string): ExitMessage | undefined {
  try {
    return exitMessage.safeParse(JSON.parse(text)).data;
  } catch {
    // Not of this protocol, or of a later one.
    return undefined;
  }
}

/** The exit code of a command as a shell has it: of one that a signal ended, 128 and the signal's number. */
export function exitCodeOf({ code, signal }: ExitMessage): number {
  if (code !== undefined) return code;
  const numbers: Record<string, number | undefined> = constants.signals;
  return 128 + (numbers[signal ?? ''] ?? 0);
}
