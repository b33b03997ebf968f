import { constants } from 'node:os';
import { z } from 'zod';

/** The subprotocol of a terminal's WebSocket: binary messages are bytes, text messages are JSON. */
export const terminalProtocol = 'dormouse.terminal.v1';

/** A terminal of a workspace, as the agent tells of it. */
export const terminalState = z.object({
  id: z.string(),
  name: z.string().optional(),
  columns: z.number(),
  rows: z.number(),
  command: z.array(z.string()),
  startedAt: z.string(),
  /** How many are attached to it. */
  clients: z.number().optional(),
});
export type TerminalState = z.infer<typeof terminalState>;

export const terminalList = z.object({ terminals: z.array(terminalState) });

const exitMessage = z.object({
  type: z.literal('exit'),
  code: z.int().optional(),
  signal: z.string().optional(),
  /** Why, where the command did not end by itself. */
  message: z.string().optional(),
});
export type ExitMessage = z.infer<typeof exitMessage>;

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
