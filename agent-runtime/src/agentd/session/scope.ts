import type { PermissionScope } from '../permissions/decide.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';

/** The folder that a session began in. */
export function projectOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): string {
  return logs.ledger.project ?? host.home;
}

/** What paths of this session's tool calls are held against. */
export function scopeOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): PermissionScope {
  return { cwd: logs.ledger.cwd ?? host.home, home: host.home, readable: host.readable };
}
