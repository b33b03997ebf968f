import type { RuntimeState } from '../../protocol/state.ts';
import type { Task } from '../background/task-record.ts';

interface BusySession {
  id: string;
  busy: boolean;
}

/** Why the workspace must not sleep: turns, and background commands that were not marked as ignorable. */
export function busyReasons(
  sessions: readonly BusySession[],
  running: readonly Task[],
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
  ];
}
