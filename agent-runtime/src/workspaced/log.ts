/** Structured log lines: a constant message with key-value pairs. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/**
 * JSON lines as pino writes them, in 20 lines: `workspaced` runs in images that are not ours, and each dependency is paid
 * for at every wake.
 */
export function jsonLog(write: (line: string) => void, now: () => Date): Log {
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      const { error, ...rest } = fields;
      const err =
        error instanceof Error ? { err: error.stack ?? error.message } : error ? { err: error } : {};
      write(`${JSON.stringify({ level, time: now().toISOString(), msg: message, ...rest, ...err })}\n`);
    };
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
