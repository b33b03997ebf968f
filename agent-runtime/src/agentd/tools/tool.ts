import type { z } from 'zod';
import type { ApprovalDecision } from '../../protocol/agent-api.ts';
import type { PermissionMode } from '../../protocol/config.ts';
import type { ApprovalRequest, AskedQuestion, TokenUsage } from '../../protocol/messages.ts';
import type { ScheduleState } from '../../protocol/state.ts';
import type { BackgroundTasks } from '../background/background-tasks.ts';
import type { Variables } from '../hooks/environment.ts';
import type { ElicitationHooks } from '../mcp/elicit.ts';
import type { Effort } from '../model/effort.ts';
import type { Access } from '../permissions/decide.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { ContentBlock, TranscriptEntry } from '../session/entry.ts';
import type { ListedTask, TaskList } from './task-list/list.ts';
import type { ToolsClient } from './tools-client.ts';

/** The schedules of one session. */
export interface SessionSchedules {
  /** Resolves when it is on disk, with when it is due; or with why not, for the model. */
  add(schedule: Schedule): Promise<string | { schedule: Schedule; nextAt: string | undefined }>;
  /** False: the session has no such schedule. */
  remove(id: string): Promise<boolean>;
  list(): ScheduleState[];
  /** Milliseconds, and a number. */
  limits(): { minInterval: number; most: number };
}

/** Asks a person something; without questions, for yes or no. Undefined: nobody answered. */
export type AskPerson = (
  summary: string,
  questions: readonly AskedQuestion[],
) => Promise<ApprovalDecision | undefined>;

/** A call ended where it waits for a person: it is run again when they have answered, and is no failure. */
export class CallSuspended extends Error {
  override readonly name = 'CallSuspended';

  constructor() {
    super('the call waits for a person');
  }
}

/** How a tool waits for a person for as long as it takes, over sleeps and restarts. */
export interface Later {
  /** What this call kept when it last waited; undefined: it begins. */
  readonly kept: unknown;
  /** Keeps what the call needs when it is run again, as JSON. Resolves when it is on disk. What was asked before is over. */
  keep: (state: unknown) => Promise<void>;
  /**
   * What a person answered to this question since `keep`; the same ones must be asked in the same order each time. Rejects with `CallSuspended`
   * where nobody has.
   */
  ask: (tool: string, ...question: Parameters<AskPerson>) => Promise<ApprovalDecision>;
  /** Whether the next question was asked before, answered or not. */
  asked: () => boolean;
  /** From here on the call does what must not be done twice: cut off now, it is not run again. Resolves when that is on disk. */
  goOn: () => Promise<void>;
}

/** What a tool works with. */
export interface ToolContext {
  toolUseId: string;
  session: string;
  /** The session is a subagent's. */
  isSubagent: boolean;
  /** The session's working directory. */
  cwd: string;
  /** Variables of the session's commands, beside those of the workspace. */
  environment: Variables;
  home: string;
  signal: AbortSignal;
  client: ToolsClient;
  background: BackgroundTasks;
  /** SHA-256 of files as this session last saw them, by absolute path. */
  seen: ReadonlyMap<string, string>;
  /** Whether a deny rule keeps this path from being read. */
  hidden: (path: string) => boolean;
  /** What a person answered, where the tool asked. */
  answers?: readonly string[];
  permissionMode: PermissionMode;
  /** In plan mode: the mode that follows when the plan is approved. */
  afterPlan?: PermissionMode;
  /** What the session is to be told later. */
  schedules: SessionSchedules;
  /** Keeps what a file is before it is changed, and says what to note of that in `seen`. */
  keepBefore: (path: string) => Promise<string>;
  /** Something that counts as activity happened. */
  active: () => void;
  /** Starts a skill for the model; what comes of it is the outcome of the tool. */
  startSkill: (name: string, args: string) => Promise<ToolOutcome>;
  agents: Agents;
  /** The name of the session's model. */
  model: string;
  /** Asks the model of the session something beside its conversation: nothing but these texts, and no tools. */
  askModel: (system: string, texts: string[]) => Promise<{ text: string; usage: TokenUsage }>;
  /** Asks a person while the tool runs, in its name. */
  askPerson: (tool: string, ...question: Parameters<AskPerson>) => ReturnType<AskPerson>;
  later: Later;
  elicitationHooks: ElicitationHooks;
  /** Sends a message to another workspace of the namespace, and waits so many seconds for the reply. */
  sendToWorkspace: (name: string, text: string, waitSeconds: number) => Promise<ToolOutcome>;
  /** Asks hooks about a task that is new or done: why it must not be so. */
  refusalOfTask: (event: 'TaskCreated' | 'TaskCompleted', task: ListedTask) => Promise<string | undefined>;
  /** What the session means to do. */
  taskList: () => TaskList;
}

/** What a tool that only reads works with. */
export type ReadingContext = Pick<ToolContext, 'client' | 'cwd' | 'home' | 'signal' | 'hidden'>;

/** A piece of work for a subagent. */
export interface Delegation {
  agentType: string;
  description: string;
  task: string;
  model?: string;
  effort?: Effort;
  background: boolean;
  ignorable: boolean;
  worktree: boolean;
  /** The skill that the task is. */
  skill?: NonNullable<TranscriptEntry['skill']>;
}

/** What a session does with its subagents. */
export interface Agents {
  /** Begins one; without `background` the outcome is its report. The same call again goes on with the same one. */
  start(delegation: Delegation): Promise<ToolOutcome>;
  /** The subagent of this very call, which was at work when something cut the call off; undefined where it began none. */
  resume(): Promise<ToolOutcome> | undefined;
  /** More work for one, whether it has ended or not. */
  send(id: string, text: string): Promise<ToolOutcome>;
  /** What one has come to, after waiting so many milliseconds for its end. Undefined: the session has no such subagent. */
  output(id: string, waitMs: number): Promise<ToolOutcome | undefined>;
  stop(id: string): Promise<ToolOutcome | undefined>;
}

export interface ToolOutcome {
  content: string;
  /** What the model sees in place of `content`, where that is no text alone. */
  blocks?: ContentBlock[];
  isError: boolean;
  /** The file as the session now knows it. */
  seen?: { path: string; hash: string; before?: string };
  /** The session's working directory from here on. */
  cwd?: string;
  /** Names of tools that are before the model from the next request on. */
  loadedTools?: string[];
  /** The skill that was started, with what it may use. */
  skill?: NonNullable<TranscriptEntry['skill']>;
  /** The permission mode of the session from here on. */
  permissionMode?: PermissionMode;
  /** What the subagents cost whose report this is. */
  subagentUsage?: TokenUsage;
  /** What it asked the model for. */
  modelUsage?: TokenUsage;
  /** The list of tasks from here on. */
  taskList?: TaskList;
  /** Of what ran in the background: the ends that this tells. */
  toldBackground?: string[];
  /** What hooks have for the model, beside the result. */
  context?: readonly string[];
  hooks?: NonNullable<TranscriptEntry['hooks']>;
}

/** One tool as the model sees it and as it is carried out. Inputs are parsed by `input` before anything else sees them. */
export interface Tool<Input> {
  name: string;
  description: string;
  input: z.ZodType<Input>;
  /** The JSON Schema that the model is shown, where it is not `input`'s. */
  schema?: { type: 'object'; [key: string]: unknown };
  /** May run beside others of the same answer: it changes nothing. */
  parallel: boolean;
  /** A call that was cut off is carried out again: it finds what it had begun, and goes on with it. */
  resumes?: boolean;
  access(input: Input, context: { cwd: string; home: string }): Access;
  /** One line for a person who is asked. */
  summary(input: Input): string;
  /** What else a person needs to see, where the call is itself a question. */
  asks?(input: Input): Pick<ApprovalRequest, 'questions' | 'plan'>;
  run(input: Input, context: ToolContext): Promise<ToolOutcome>;
}

/** One that also somebody else than a session can use: it changes nothing, and leaves nothing behind. */
export interface ReadingTool<Input> extends Tool<Input> {
  run(input: Input, context: ReadingContext): Promise<ToolOutcome>;
}

export function succeeded(content: string, more: Omit<ToolOutcome, 'content' | 'isError'> = {}): ToolOutcome {
  return { content, isError: false, ...more };
}

export function failed(content: string): ToolOutcome {
  return { content, isError: true };
}
