import type { EnvironmentEvent, Variables } from '../hooks/environment.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import type { RoundContext } from './tool-round.ts';

/** Variables of a session's commands, beside those of the workspace: what hooks set, and for a subagent those of who called it. */
export function environmentOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): Variables {
  return { ...host.inherited?.(), ...logs.ledger.variables };
}

/** What starts of a session set adds up, as not every hook runs at each; what hooks set for one working directory ends with the next. */
export async function keepEnvironment(
  event: EnvironmentEvent,
  set: Variables,
  { logs, host, signal }: Pick<RoundContext, 'logs' | 'host' | 'signal'>,
): Promise<void> {
  const before = logs.ledger.environment[event];
  const variables = event === 'SessionStart' ? { ...before, ...set } : set;
  if (JSON.stringify(variables) === JSON.stringify(before)) return;
  const at = new Date().toISOString();
  await host.health.insist(signal, () => logs.appendRecords({ type: 'environment', event, variables, at }));
}
