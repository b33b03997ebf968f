import { z } from 'zod';

/** The WebSocket subprotocol of a terminal. A client offers it; a browser offers its token beside it. */
export const terminalProtocol = 'dormouse.terminal.v1';

/** Bytes of output that are kept of each terminal, and sent first to whoever attaches. */
export const retainedBytes = 64 * 1024;

const columns = z.int().min(1).max(1000);
const rows = z.int().min(1).max(1000);

/** Body of `POST /v1/terminals`, at agentd and at workspaced. */
export const terminalRequest = z.object({
  columns,
  rows,
  /** A program and its arguments; a login shell unless given. */
  command: z.array(z.string().max(32_768)).min(1).max(256).optional(),
  /** Relative to the home, where it starts unless given. */
  directory: z.string().min(1).max(4096).optional(),
  /** Kind of terminal (`TERM`); `xterm-256color` unless given. */
  term: z
    .string()
    .max(64)
    .regex(/^[\w.+-]+$/)
    .optional(),
  /** What a person calls it. No two open ones have the same. */
  name: z
    .string()
    .max(63)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/)
    .optional(),
});
export type TerminalRequest = z.infer<typeof terminalRequest>;

/** A terminal that is open. */
export const terminalState = z.object({
  id: z.string().max(64),
  name: z.string().max(63).optional(),
  columns: z.int().min(0),
  rows: z.int().min(0),
  command: z.array(z.string()).min(1),
  startedAt: z.iso.datetime(),
  /** How many are attached to it. */
  clients: z.int().min(0),
});
export type TerminalState = z.infer<typeof terminalState>;

export const terminalList = z.object({ terminals: z.array(terminalState).max(1000) });

/** What a client sends as text; what is typed, it sends as binary. */
export const resizeMessage = z.object({ type: z.literal('resize'), columns, rows });
export type ResizeMessage = z.infer<typeof resizeMessage>;

/** The last thing that a client is told, as text: how the command ended. Exactly one of `code` and `signal` is there. */
export const exitMessage = z.object({
  type: z.literal('exit'),
  code: z.int().optional(),
  /** Such as `SIGHUP`. */
  signal: z.string().max(32).optional(),
  /** Why, where the command did not end by itself. */
  message: z.string().max(1024).optional(),
  /** It did not end: it sleeps with its workspace, and who attaches again wakes both. A client that does not know this takes it for ended. */
  asleep: z.literal(true).optional(),
});
export type ExitMessage = z.infer<typeof exitMessage>;
