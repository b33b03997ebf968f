import type { RuntimeState } from '../../protocol/state.ts';
import type { Task } from '../background/task-record.ts';
import type { Subagent } from '../subagents/subagents.ts';

interface BusySession {
  id: string;
  busy: boolean;
}

/** Why the workspace must not sleep: turns, and background commands and subagents that were not marked as ignorable. */
export function busyReasons(
  sessions: readonly BusySession[],
  running: readonly Task[],
  subagents: readonly Pick<Subagent, 'record'>[],
): RuntimeState['busyReasons'] {
  return [
    ...sessions
      .filter((session) => session.busy)
      .map(({ id }) => ({ kind: 'turn' as const, session: id, detail: `session ${id} works on a message` })),
    ...running
      .filter((task) => !task.ignorable)
      .map(({ id, session, command }) => ({
        kind: 'background' as const,
        session,
        detail: `background command ${id} runs: ${command.slice(0, 200)}`,
      })),
    ...subagents.map(({ record: { id, session, agentType, description } }) => ({
      kind: 'background' as const,
      session,
      detail: `subagent ${id} (${agentType}) works: ${description}`,
    })),
  ];
}
