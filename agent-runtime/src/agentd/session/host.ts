import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { RuntimeEvent } from '../../protocol/events.ts';
import type { ScheduleState } from '../../protocol/state.ts';
import type { BackgroundTasks } from '../background/background-tasks.ts';
import type { Monitors } from '../background/monitors.ts';
import type { Variables } from '../hooks/environment.ts';
import type { Mail } from '../mail/workspace-mail.ts';
import type { McpServers } from '../mcp/servers.ts';
import type { PatientModel } from '../model/patient-model.ts';
import type { Plugins } from '../plugins/plugins.ts';
import type { FileHistory } from '../storage/file-history.ts';
import type { StorageHealth } from '../storage/health.ts';
import type { SubagentRecord } from '../subagents/record.ts';
import type { Subagents } from '../subagents/subagents.ts';
import type { ToolsClient } from '../tools/tools-client.ts';
import type { Slots } from './slots.ts';
import type { DailyUsage } from './usage.ts';
import type { WakeNote } from './wake-note.ts';

export type DurableEvent = Exclude<RuntimeEvent, { type: 'state' | 'reset' | 'delta' }>;

/** What a session needs of the daemon it lives in. */
export interface SessionHost {
  readonly log: Logger;
  readonly health: StorageHealth;
  readonly model: PatientModel;
  readonly client: ToolsClient;
  readonly background: BackgroundTasks;
  readonly monitors: Monitors;
  readonly mail: Mail;
  readonly mcp: McpServers;
  readonly plugins: Plugins;
  readonly dailyUsage: DailyUsage;
  readonly slots: Slots;
  readonly wakeNote: WakeNote;
  readonly home: string;
  readonly fileHistory: FileHistory;
  readonly subagents: Subagents;
  /** Of a session that is a subagent: what it is. */
  readonly subagent?: SubagentRecord;
  /** Of a subagent: variables of the commands of the session that called it. */
  inherited?(): Variables;
  /** The way out of the workspace, by the names that programs know: `HTTPS_PROXY` and the like. */
  readonly proxies: Readonly<Record<string, string>>;
  /** Sessions whose SessionStart hooks have run since the daemon started, with what each was told of broken files. */
  readonly begunSessions: Map<string, string>;
  /** Folders beside the home that may be read unasked. */
  readonly readable: readonly string[];
  config(): RuntimeConfig;
  /** What is scheduled changed. */
  scheduled(): void;
  /** Everything that is scheduled in the workspace. */
  schedules(): ScheduleState[];
  /** True while no turn may begin: a checkpoint is being taken or held, processes are being restored, or the daemon stops. */
  held(): boolean;
  emit(event: DurableEvent): void;
  delta(session: string, text: string): void;
  /** Something that counts as activity happened; the state may have changed. */
  active(): void;
}
