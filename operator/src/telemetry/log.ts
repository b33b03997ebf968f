import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger };

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Members that may hold a credential, wherever in the first three levels they occur. */
const secretMembers = ['authorization', 'token', 'key', 'credential', 'password', 'apiKey'];

/**
 * JSON lines: constant messages with key-value pairs. Credentials are redacted by the name of their member.
 * `component` is the program that speaks.
 */
export function createLogger(
  level: LogLevel,
  destination?: DestinationStream,
  component = 'operator',
): Logger {
  const options = {
    level,
    base: { component },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: secretMembers.flatMap((member) => [member, `*.${member}`, `*.*.${member}`]),
      censor: '[redacted]',
    },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
