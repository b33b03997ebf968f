import type { RuntimeState } from '../../protocol/state.ts';
import type { GaugeSource } from './metrics.ts';

/** What is measured of a workspace whenever somebody asks. */
export function gaugesOf(agent: { state(): RuntimeState }): GaugeSource[] {
  const gauge = (name: string, help: string, read: (state: RuntimeState) => number): GaugeSource => ({
    name: `dormouse_agent_${name}`,
    help,
    read: () => read(agent.state()),
  });
  return [
    gauge('busy', '1 while the workspace must not sleep.', ({ busy }) => Number(busy)),
    gauge('sessions', 'Sessions on the volume.', ({ sessions }) => sessions.length),
    gauge('open_messages', 'Messages that are not settled.', ({ openMessages }) => openMessages),
    gauge('background_tasks', 'Background commands that run.', ({ background }) => background.length),
    gauge('storage_problem', '1 while the volume refuses writes.', ({ storageProblem }) =>
      Number(storageProblem !== undefined),
    ),
  ];
}
