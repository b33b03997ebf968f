import type { RuntimeConfig } from '../../protocol/config.ts';
import type { PermissionScope } from '../permissions/decide.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';

/** The folder that a session began in. */
export function projectOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): string {
  return logs.ledger.project ?? host.home;
}

/**
 * The rules for this session. An approved plan ends plan mode for it, and it may itself have begun plan mode; a mode that the
 * workspace was given since, or that its class no longer allows, counts for more.
 */
export function permissionsOf({
  logs,
  host,
}: {
  logs: SessionLogs;
  host: SessionHost;
}): RuntimeConfig['permissions'] {
  const { permissions } = host.config();
  const approved = logs.ledger.permissionMode;
  if (permissions.mode !== 'plan') {
    const began = approved === 'plan' && permissions.mode !== 'dontAsk';
    return began ? { ...permissions, mode: 'plan', afterPlan: permissions.mode } : permissions;
  }
  const ended = permissions.afterPlan !== undefined && approved !== undefined && approved !== 'plan';
  return ended ? { ...permissions, mode: permissions.afterPlan ?? permissions.mode } : permissions;
}

/** What paths of this session's tool calls are held against. */
export function scopeOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): PermissionScope {
  return { cwd: logs.ledger.cwd ?? host.home, home: host.home, readable: host.readable };
}
