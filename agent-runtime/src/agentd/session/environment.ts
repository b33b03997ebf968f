import type { EnvironmentEvent, Variables } from '../hooks/environment.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import type { RoundContext } from './tool-round.ts';

/** Characters of all that is kept for an event: every command is started with it. */
const most = 65_536;

/** Variables of a session's commands, beside those of the workspace: what hooks set, and for a subagent those of who called it. */
export function environmentOf({ logs, host }: { logs: SessionLogs; host: SessionHost }): Variables {
  return { ...host.inherited?.(), ...logs.ledger.variables };
}

/** What a hook adds to. What hooks set for the working directory before is not among it. */
export function environmentBefore(
  event: EnvironmentEvent,
  round: { logs: SessionLogs; host: SessionHost },
): Variables {
  if (event === 'SessionStart') return environmentOf(round);
  return { ...round.host.inherited?.(), ...round.logs.ledger.environment.SessionStart.variables };
}

/** What starts of a session set adds up, as not every hook runs at each; what hooks set for one working directory counts there alone. */
export async function keepEnvironment(
  event: EnvironmentEvent,
  set: { variables: Variables; cwd: string },
  { logs, host, signal, session }: Pick<RoundContext, 'logs' | 'host' | 'signal' | 'session'>,
): Promise<void> {
  if (Object.keys(set.variables).length === 0) return;
  const before = logs.ledger.environment.SessionStart.variables;
  const variables = event === 'SessionStart' ? { ...before, ...set.variables } : set.variables;
  if (JSON.stringify(variables).length > most) {
    host.log.warn({ session, event, most }, 'hooks set more variables than are kept');
    return;
  }
  const at = new Date().toISOString();
  const record = { type: 'environment' as const, event, variables, at };
  await host.health.insist(signal, () =>
    logs.appendRecords(event === 'SessionStart' ? record : { ...record, cwd: set.cwd }),
  );
}
