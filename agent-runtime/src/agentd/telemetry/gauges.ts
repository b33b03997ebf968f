import type { RuntimeState } from '../../protocol/state.ts';
import type { GaugeSource } from './metrics.ts';

/** What the metrics say of the state of the workspace. */
export function gaugesOf(state: () => RuntimeState): GaugeSource[] {
  return [
    {
      name: 'dormouse_agent_busy',
      help: '1 while the workspace must not sleep.',
      read: () => Number(state().busy),
    },
    {
      name: 'dormouse_agent_sessions',
      help: 'Sessions on the volume.',
      read: () => state().sessions.length,
    },
    {
      name: 'dormouse_agent_open_messages',
      help: 'Messages that are not settled.',
      read: () => state().openMessages,
    },
    {
      name: 'dormouse_agent_background_tasks',
      help: 'Background commands that run.',
      read: () => state().background.length,
    },
    {
      name: 'dormouse_agent_storage_problem',
      help: '1 while the volume refuses writes.',
      read: () => Number(state().storageProblem !== undefined),
    },
  ];
}
