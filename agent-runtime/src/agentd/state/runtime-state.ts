import type { RewindTarget, RuntimeConfig } from '../../protocol/config.ts';
import type { RestoreState, RuntimeState } from '../../protocol/state.ts';
import type { BackgroundTasks } from '../background/background-tasks.ts';
import type { Checkpointer } from '../checkpoint/checkpointer.ts';
import type { EventLog } from '../events/event-log.ts';
import type { PatientModel } from '../model/patient-model.ts';
import type { Plugins } from '../plugins/plugins.ts';
import type { Scheduler } from '../schedule/scheduler.ts';
import type { Sessions } from '../session/sessions.ts';
import type { StorageHealth } from '../storage/health.ts';
import type { Subagents } from '../subagents/subagents.ts';
import type { ToolsWatch } from '../tools/tools-watch.ts';

/** What the state is read from. */
export interface StateSources {
  bootId: string;
  config: RuntimeConfig;
  busyReasons: RuntimeState['busyReasons'];
  lastActivityAt: string;
  restore: RestoreState;
  rewound: RewindTarget | undefined;
  events: Pick<EventLog, 'cursor'>;
  sessions: Pick<Sessions, 'all'>;
  subagents: Pick<Subagents, 'all' | 'state'>;
  background: Pick<BackgroundTasks, 'running'>;
  scheduler: Pick<Scheduler, 'next'>;
  plugins: Pick<Plugins, 'states'>;
  watch: Pick<ToolsWatch, 'services' | 'ready'>;
  model: Pick<PatientModel, 'problem'>;
  health: Pick<StorageHealth, 'problem'>;
  checkpointer: Pick<Checkpointer, 'state' | 'lastSequence'>;
}

/** The state of the agent as it is at the moment. */
export function runtimeState(sources: StateSources): RuntimeState {
  const { bootId, config, busyReasons, lastActivityAt, restore, rewound } = sources;
  const sessions = sources.sessions.all();
  const subagents = sources.subagents.all().map((child) => child.session);
  const { problem: modelProblem } = sources.model;
  const { problem: storageProblem } = sources.health;
  const { state: checkpoint } = sources.checkpointer;
  const { next: nextWakeAt } = sources.scheduler;
  return {
    bootId,
    workspace: config.workspace,
    configRevision: config.revision,
    cursor: sources.events.cursor,
    busy: busyReasons.length > 0,
    busyReasons,
    lastActivityAt,
    sessions: sessions.map((session) => session.state()),
    openMessages: sessions.reduce((sum, session) => sum + session.logs.ledger.open().length, 0),
    approvals: [...sessions, ...subagents].flatMap((session) => session.logs.ledger.undecided()),
    subagents: sources.subagents.state(),
    background: sources.background
      .running()
      .map(({ id, session, command, status, restartable, ignorable, startedAt }) => {
        return { id, session, command, status, restartable, ignorable, startedAt };
      }),
    ...(nextWakeAt !== undefined && { nextWakeAt }),
    services: sources.watch.services(),
    plugins: sources.plugins.states(),
    tools: sources.watch.ready ? 'ready' : 'unavailable',
    ...(modelProblem !== undefined && { modelProblem }),
    ...(storageProblem !== undefined && { storageProblem }),
    ...(checkpoint !== undefined && { checkpoint }),
    lastSequence: sources.checkpointer.lastSequence,
    restore,
    ...(rewound !== undefined && { rewound }),
  };
}
