import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { ConfigUpdate, RewindTarget, RuntimeConfig } from '../protocol/config.ts';
import type { MessageRecord, MessageRequest } from '../protocol/messages.ts';
import type { RuntimeState, ScheduleState } from '../protocol/state.ts';
import { HttpError } from './api/error.ts';
import type { EventSources } from './api/event-stream.ts';
import { WorkspaceFiles } from './api/workspace-files.ts';
import { BackgroundTasks } from './background/background-tasks.ts';
import { Monitors } from './background/monitors.ts';
import { checkpointedLogs } from './checkpoint/checkpointed-logs.ts';
import { Checkpointer } from './checkpoint/checkpointer.ts';
import { CheckpointStore } from './checkpoint/store.ts';
import type { MountedConfig } from './config/files.ts';
import { Deltas } from './events/deltas.ts';
import { EventLog } from './events/event-log.ts';
import { beginFork } from './fork/begin.ts';
import { WorkspaceMail } from './mail/workspace-mail.ts';
import { McpApprovals } from './mcp/approvals.ts';
import { type McpParts, McpServers } from './mcp/servers.ts';
import { McpSignIns } from './mcp/sign-ins.ts';
import type { Bearer, Model } from './model/model-client.ts';
import { PatientModel } from './model/patient-model.ts';
import { Plugins } from './plugins/plugins.ts';
import { type Recovered, recover } from './recover.ts';
import { beginRewind } from './rewind/begin.ts';
import { Scheduler } from './schedule/scheduler.ts';
import type { SessionHost } from './session/host.ts';
import { Sessions } from './session/sessions.ts';
import { Slots } from './session/slots.ts';
import { WakeNote } from './session/wake-note.ts';
import { busyReasons } from './state/busy-reasons.ts';
import { withReconciled } from './state/restore-report.ts';
import { runtimeState } from './state/runtime-state.ts';
import { StateBoard } from './state/state-board.ts';
import { AppendLog } from './storage/append-log.ts';
import { FileHistory } from './storage/file-history.ts';
import { StorageHealth } from './storage/health.ts';
import { type Layout, layoutOf, makeFolders } from './storage/layout.ts';
import { setAside } from './storage/set-aside.ts';
import { Subagents } from './subagents/subagents.ts';
import { gaugesOf } from './telemetry/gauges.ts';
import { Metrics } from './telemetry/metrics.ts';
import { Terminals } from './terminal/terminals.ts';
import { ToolsClient } from './tools/tools-client.ts';
import { type Reconciled, ToolsWatch } from './tools/tools-watch.ts';

/** Turns that run at the same time; more wait in order. A turn is mostly waiting for the model. */
export const parallelTurns = 8;

export interface AgentOptions {
  mounted: MountedConfig;
  /** Where `state` is mounted. */
  stateFolder: string;
  socketPath: string;
  /** Milliseconds that a call waits for the tools to be there. Default: as long as a restart of their container may take. */
  toolsPatienceMs?: number | undefined;
  /** The home and the other folders that the tools may read, as the tools see them. */
  home: string;
  readable: readonly string[];
  /** Where the tools see pinned plugins, and where this daemon sees archives of ConfigMaps. */
  plugins: { folder: string; archives: string };
  /** Makes the model; `baseUrl` answers what the configuration says at the moment. */
  model: (baseUrl: () => string) => Model;
  /** Who this is to the gateway, which also carries messages to other workspaces and asks some MCP servers. */
  gatewayToken: Bearer;
  log: Logger;
}

/** Everything `agentd` is made of, put together from what is on the volume. */
export class Agent {
  readonly sessions: Sessions;
  readonly subagents: Subagents;
  readonly checkpoints: CheckpointStore;
  readonly checkpointer: Checkpointer;
  readonly metrics: Metrics;
  readonly terminals: Terminals;
  readonly files: WorkspaceFiles;
  readonly eventSources: EventSources;
  readonly #options: AgentOptions;
  readonly #bootId = randomUUID();
  readonly #health: StorageHealth;
  readonly #events: EventLog;
  readonly #board: StateBoard;
  readonly #model: PatientModel;
  readonly #client: ToolsClient;
  readonly #background: BackgroundTasks;
  readonly #monitors: Monitors;
  readonly mcp: McpServers;
  readonly plugins: Plugins;
  readonly #watch: ToolsWatch;
  readonly #stopped = new AbortController();
  readonly #scheduler: Scheduler;
  #restore: RuntimeState['restore'];
  readonly #rewound: RewindTarget | undefined;
  readonly #wakeNote = new WakeNote();
  #config: RuntimeConfig;
  #lastActivityAt: string;
  #stopping = false;

  /** Reads the volume and reports what it found. Nothing runs before `start`. */
  static async open(options: AgentOptions): Promise<Agent> {
    const layout = layoutOf(options.stateFolder);
    await setAside(layout, options.log);
    await makeFolders(layout);
    const health = new StorageHealth(options.stateFolder);
    const checkpoints = new CheckpointStore(layout.checkpoints);
    const fork = await beginFork(layout, checkpoints, options.mounted.config.source);
    const rewind = await beginRewind(layout, checkpoints, options.mounted.config);
    const recovered = await recover(
      layout,
      health,
      checkpoints,
      { fork, rewind },
      options.mounted.config.workspace,
      options.log,
    );
    const cursor = Math.max(recovered.verified.cursor, rewind?.record.cursor ?? 0);
    const events = await EventLog.open(layout.events, health, cursor);
    const { birthtime } = await stat(layout.inbox);
    const mcp = {
      approvals: await McpApprovals.open(layout.mcpApprovals),
      signIns: await McpSignIns.open(layout.mcpSignIns),
    };
    return new Agent(options, layout, health, checkpoints, recovered, events, birthtime, mcp, rewind?.record);
  }

  private constructor(
    options: AgentOptions,
    layout: Layout,
    health: StorageHealth,
    checkpoints: CheckpointStore,
    recovered: Recovered,
    events: EventLog,
    created: Date,
    mcp: Pick<McpParts, 'approvals' | 'signIns'>,
    rewound: RewindTarget | undefined,
  ) {
    this.#rewound = rewound && { id: rewound.id, sequence: rewound.sequence };
    this.#options = options;
    this.#config = options.mounted.config;
    this.#health = health;
    this.checkpoints = checkpoints;
    this.#events = events;
    this.#restore = recovered.restore;
    // A start is no activity, or a workspace whose agent restarts now and then would never sleep.
    this.#lastActivityAt = recovered.lastActivityAt ?? created.toISOString();
    const touch = () => this.#board.touch();
    const deltas = new Deltas();
    this.#board = new StateBoard(() => this.state());
    this.eventSources = { log: events, board: this.#board, deltas };
    health.onChange(touch);
    events.subscribe(touch);
    this.#client = new ToolsClient(options.socketPath, options.toolsPatienceMs);
    this.terminals = new Terminals(this.#client);
    this.files = new WorkspaceFiles(this.#client, options.home);
    const backgroundLog = new AppendLog(layout.background, health, recovered.background.scan);
    this.#background = new BackgroundTasks(
      backgroundLog,
      this.#client,
      recovered.background.tasks,
      (task) => {
        const { id, session, status, exitCode } = task;
        events.emit({
          type: 'background',
          data: { id, session, status, ...(exitCode !== undefined && { exitCode }) },
        });
        if (task.status !== 'running') this.#active();
        if (task.monitor !== undefined) this.#monitors.look();
        touch();
      },
    );
    const model = options.model(() => this.#config.model.baseUrl);
    this.#model = new PatientModel(model, touch);
    this.#watch = new ToolsWatch({
      client: this.#client,
      background: this.#background,
      health,
      log: options.log,
      declared: () => this.#config.services,
      images: recovered.images,
      onChange: touch,
      onReconciled: (result) => this.#reconciled(result),
    });
    this.#monitors = new Monitors({
      background: this.#background,
      sessions: () => this.sessions,
      held: () => this.#held(),
      changed: touch,
      now: Date.now,
      log: options.log,
    });
    this.plugins = new Plugins({
      client: this.#client,
      log: options.log,
      folder: { here: layout.plugins, workspace: options.plugins.folder },
      archives: options.plugins.archives,
      home: options.home,
      readable: options.readable,
      gatewayToken: options.gatewayToken,
      config: () => this.#config,
      changed: touch,
    });
    this.mcp = new McpServers({
      tools: this.#client,
      plugins: this.plugins,
      ...mcp,
      home: options.home,
      readable: options.readable,
      gatewayToken: options.gatewayToken,
      config: () => this.#config,
      log: options.log,
    });
    const host: Omit<SessionHost, 'subagents'> = {
      log: options.log,
      health,
      model: this.#model,
      client: this.#client,
      background: this.#background,
      monitors: this.#monitors,
      mail: new WorkspaceMail(() => this.#config.model.baseUrl, options.gatewayToken),
      mcp: this.mcp,
      plugins: this.plugins,
      dailyUsage: recovered.usage,
      slots: new Slots(parallelTurns),
      wakeNote: this.#wakeNote,
      home: options.home,
      fileHistory: new FileHistory(layout.fileHistory),
      proxies: proxiesOf(options.mounted),
      begunSessions: new Map(),
      readable: options.readable,
      config: () => this.#config,
      scheduled: () => {
        this.#scheduler.look();
        touch();
      },
      schedules: () => this.#scheduler.list(),
      held: () => this.#held(),
      emit: (event) => events.emit(event),
      delta: (session, text) => deltas.send(session, text),
      active: () => this.#active(),
    };
    this.subagents = new Subagents(recovered.subagents, layout, host, () => this.sessions);
    this.sessions = new Sessions(recovered.sessions, layout, health, { ...host, subagents: this.subagents });
    this.#scheduler = new Scheduler({
      sessions: () => this.sessions.all(),
      minInterval: () => this.#config.schedules.minIntervalSeconds * 1000,
      held: () => this.#held(),
      now: Date.now,
      changed: touch,
      log: options.log,
    });
    this.checkpointer = new Checkpointer(
      {
        store: checkpoints,
        health,
        client: this.#client,
        config: () => this.#config,
        busy: () => this.#busyReasons(),
        quiet: () => this.subagents.pause(),
        logs: () => checkpointedLogs(backgroundLog, this.sessions, this.subagents),
        events,
        sessions: () => this.sessions.all().length,
        running: () => ({
          services: this.#watch.services().map((service) => service.name),
          background: this.#background.running().map((task) => task.id),
        }),
        processes: { stopped: () => this.#watch.processesStopped(), resume: () => this.#watch.resume() },
        emit: (event) => events.emit(event),
        changed: touch,
        released: () => this.#goOn(),
      },
      recovered.lastSequence,
    );
    this.metrics = new Metrics(gaugesOf(() => this.state()));
  }

  get schedules(): ScheduleState[] {
    return this.#scheduler.list();
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /** Connects to the tools and goes on with what was under way. */
  start(): void {
    this.#watch.start();
    for (const session of this.sessions.all())
      this.#retell(session.id).catch((error: unknown) =>
        this.#options.log.error({ err: error }, 'a message could not be told of again'),
      );
    this.#loadPlugins();
    this.#goOn();
  }

  /** Takes a message, once for each key. */
  async accept(request: MessageRequest): Promise<{ record: MessageRecord; fresh: boolean }> {
    // A key that is known is answered at any time: nothing new begins.
    const known = await this.sessions.recordOf(request.key);
    if (known !== undefined) return { record: known, fresh: false };
    this.mustTakeWork();
    return this.sessions.accept(request);
  }

  /** Throws while nothing may begin. */
  mustTakeWork(): void {
    if (this.#stopping) throw new HttpError('unavailable', 'The agent is stopping.');
    if (this.checkpointer.holding) {
      throw new HttpError('checkpointing', 'A checkpoint is being taken or held.', this.checkpointer.state);
    }
  }

  async configure({ config }: ConfigUpdate): Promise<void> {
    const servicesChanged = JSON.stringify(config.services) !== JSON.stringify(this.#config.services);
    const pluginsChanged = JSON.stringify(config.plugins) !== JSON.stringify(this.#config.plugins);
    this.#config = config;
    if (pluginsChanged) this.#loadPlugins();
    this.#board.touch();
    this.#model.nudge();
    this.#scheduler.look();
    this.sessions.reconsiderAll();
    this.subagents.reconsiderAll();
    if (servicesChanged) await this.#watch.applyServices();
  }

  state(): RuntimeState {
    return runtimeState({
      bootId: this.#bootId,
      config: this.#config,
      busyReasons: this.#busyReasons(),
      lastActivityAt: this.#lastActivityAt,
      restore: this.#restore,
      rewound: this.#rewound,
      events: this.#events,
      sessions: this.sessions,
      subagents: this.subagents,
      background: this.#background,
      scheduler: this.#scheduler,
      plugins: this.plugins,
      watch: this.#watch,
      model: this.#model,
      health: this.#health,
      checkpointer: this.checkpointer,
    });
  }

  /** Ends turns where they stand, without settling them; what is on disk is where the next start goes on. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopped.abort(new Error('the agent stops'));
    this.#scheduler.stop();
    this.#monitors.close();
    this.terminals.close();
    this.#client.close();
    await Promise.all([
      this.sessions.stop(),
      this.subagents.stopAll(),
      this.checkpointer.close(),
      this.#watch.close(),
      this.mcp.close(),
    ]);
    await this.#events.flush();
    this.#events.close();
    this.#health.close();
    this.#board.close();
  }

  /** Lets go of what it holds for speed alone. */
  forgetRead(): void {
    for (const { logs } of this.sessions.all()) logs.forgetRead();
    for (const { session } of this.subagents.all()) session.logs.forgetRead();
  }

  /** Nothing may begin. */
  #held(): boolean {
    return this.checkpointer.holding || this.#watch.restoring || this.#stopping;
  }

  /** Before anybody asks for them, so that their states are known. What goes wrong is their state. */
  #loadPlugins(): void {
    this.plugins.load(this.#stopped.signal).catch((error: unknown) => {
      if (!this.#stopping) this.#options.log.error({ err: error }, 'plugins could not be loaded');
    });
  }

  #busyReasons(): RuntimeState['busyReasons'] {
    const background = [...this.#background.running(), ...this.#monitors.owed()];
    return busyReasons(this.sessions.all(), background, this.subagents.awake());
  }

  #active(): void {
    this.#lastActivityAt = new Date().toISOString();
    this.#board.touch();
  }

  #reconciled(result: Reconciled): void {
    this.#restore = withReconciled(this.#restore, result);
    if (result.restored.length > 0 || this.#restore.problem !== undefined) this.#wakeNote.set(this.#restore);
    this.#wakeNote.settle();
    this.#board.touch();
    this.#goOn();
  }

  #goOn(): void {
    this.sessions.kickAll();
    this.subagents.kickAll();
    this.#scheduler.look();
    this.#monitors.look();
  }

  /**
   * Tells again how the newest settled message of a session ended, when the event of it was lost in a crash: the message was
   * settled on disk, and the event came after. Messages that are open are told of by their turns.
   */
  async #retell(id: string): Promise<void> {
    const session = this.sessions.find(id);
    const last = [...(session?.logs.ledger.messages.values() ?? [])].findLast(
      (message) => message.settled !== undefined,
    );
    if (last?.settled === undefined || this.#events.lastPhase(last.request.key) === last.settled.phase)
      return;
    const record = await session?.recordOf(last.request.key);
    if (record !== undefined) this.#events.emit({ type: 'message', data: record });
  }
}

function proxiesOf({ egressProxy }: MountedConfig): Record<string, string> {
  return egressProxy === undefined ? {} : { HTTP_PROXY: egressProxy, HTTPS_PROXY: egressProxy };
}
