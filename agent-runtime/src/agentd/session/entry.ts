import { z } from 'zod';
import { forkSource, permissionMode, rewindTarget } from '../../protocol/config.ts';
import { tokenUsage } from '../../protocol/messages.ts';
import { effort } from '../model/effort.ts';
import { taskList } from '../tools/task-list/list.ts';

/** A content block of the Messages API. Blocks this runtime does not know (`thinking`, `compaction`) are kept unchanged. */
const contentBlock = z.looseObject({ type: z.string() });
export type ContentBlock = z.infer<typeof contentBlock>;

/** What a model answer cost, in the API's own names. */
const apiTokens = z.looseObject({
  input_tokens: z.int().min(0),
  output_tokens: z.int().min(0),
  cache_read_input_tokens: z.int().min(0).nullish(),
  cache_creation_input_tokens: z.int().min(0).nullish(),
});
export type ApiTokens = z.infer<typeof apiTokens>;
const apiUsage = apiTokens.extend({
  /** What was sampled on the way. Answers are in the counts above as well, compactions in here alone. */
  iterations: z
    .array(apiTokens.extend({ type: z.string() }))
    .nullish()
    .catch(undefined),
});

/** `hooks` of a frontmatter, and the file that has it. */
export const ownHooks = z.object({ path: z.string(), value: z.record(z.string(), z.unknown()) });

/** A skill that was started: the permission rules that it brings to its turn, and the model that is to answer in it, its hooks. */
export const usedSkill = z.object({
  name: z.string(),
  allow: z.array(z.string()),
  deny: z.array(z.string()),
  model: z.string().optional(),
  effort: effort.optional(),
  hooks: ownHooks.optional(),
});

/**
 * One line of a transcript. The first ten fields are the documented ones that hooks and viewers read; those after
 * `message` are Dormouse's own and carry what else must survive a crash together with the line.
 */
export const transcriptEntry = z.looseObject({
  type: z.enum(['user', 'assistant', 'system']),
  uuid: z.string(),
  parentUuid: z.string().nullable(),
  sessionId: z.string(),
  timestamp: z.string(),
  cwd: z.string(),
  version: z.string(),
  gitBranch: z.string(),
  isSidechain: z.boolean(),
  /** In the transcript of a subagent: its id. */
  agentId: z.string().optional(),
  message: z.looseObject({
    role: z.enum(['user', 'assistant']),
    content: z.union([z.string(), z.array(contentBlock)]),
    usage: apiUsage.optional(),
    stop_reason: z.string().nullish(),
  }),
  /** The key of the message that this prompt is: what makes it enter exactly once. */
  messageKey: z.string().optional(),
  /** With a tool result: what the tool saw of a file, so that an edit can be held against it. */
  toolUseResult: z
    .looseObject({
      path: z.string().optional(),
      hash: z.string().optional(),
      /** Where the tool changed it: what it was before, by the hash of what is kept; `absent`; or `not kept`. */
      before: z.string().optional(),
    })
    .optional(),
  /** Ids of background tasks, and keys of messages to subagents in the background, whose end this told the model. */
  toldBackground: z.array(z.string()).optional(),
  /** Of monitors: up to which byte this, or what was passed over with it, tells what each printed. */
  toldOutput: z.array(z.object({ id: z.string(), to: z.int().min(0) })).optional(),
  /** What the subagents whose results these are have cost; their own transcripts have the details. */
  subagentUsage: tokenUsage.optional(),
  /** With a tool result: what the tool itself asked the model for. */
  modelUsage: tokenUsage.optional(),
  /** With a tool result: the session's list of tasks from here on. */
  taskList: taskList.optional(),
  /** Files of the workspace whose instructions this reminder holds, and the hash of what it holds of them. */
  contextFiles: z.array(z.object({ path: z.string(), hash: z.string() })).optional(),
  /** The skill or command that this prompt or result started. */
  skill: usedSkill.optional(),
  /** The permission mode of the session from this result on: a plan was approved, or is to be made. */
  permissionMode: permissionMode.optional(),
  /**
   * The entry is a summary: of all before it but the `keeps` entries right before it, which stay as they are. `preTokens`: about
   * so many tokens went to the model before.
   */
  compaction: z
    .object({ trigger: z.enum(['auto', 'manual']), keeps: z.int().min(0), preTokens: z.int().min(0) })
    .optional(),
  /** The conversation is again as it was before the prompt of this message; what was said since is for viewers alone. */
  rewind: z.object({ message: z.string() }).optional(),
  /** A prompt that the runtime carries out itself, without asking the model for an answer. */
  builtIn: z.literal('compact').optional(),
  /** What hooks said with this entry: `stop` ends the turn, `keepsGoing` is what a Stop hook said instead of its end. */
  hooks: z
    .object({
      stop: z.string().optional(),
      keepsGoing: z.boolean().optional(),
      /** For a person. */
      messages: z.array(z.string()).optional(),
    })
    .optional(),
  /** Tools that the model looked for, and has from here on. */
  loadedTools: z.array(z.string()).optional(),
  /** The entry that this one is a copy of, in a forked session. */
  forkedFrom: z
    .object({ sessionId: z.string(), uuid: z.string(), messageKey: z.string().optional() })
    .optional(),
  /** What comes before this entry was said in another workspace, until its checkpoint. */
  forkedWorkspace: forkSource.optional(),
  /** Before this entry the workspace was rewound to that checkpoint: what came after it is not here. */
  rewound: rewindTarget.optional(),
});
export type TranscriptEntry = z.infer<typeof transcriptEntry>;

export interface ToolUse {
  id: string;
  name: string;
  input: unknown;
}

export function blocksOf(entry: Pick<TranscriptEntry, 'message'>): ContentBlock[] {
  const { content } = entry.message;
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** The text blocks of an entry, one after another; of a summary, what it says. */
export function textOf(entry: Pick<TranscriptEntry, 'message'>): string {
  return blocksOf(entry)
    .flatMap((block) => {
      const text =
        block.type === 'text' ? block.text : block.type === 'compaction' ? block.content : undefined;
      return typeof text === 'string' ? [text] : [];
    })
    .join('\n');
}

/** The message that the entry is the prompt of, in a forked session also one of its origin. */
export function promptOf({ messageKey, forkedFrom }: TranscriptEntry): string | undefined {
  return messageKey ?? forkedFrom?.messageKey;
}

/** Whether the entry changes what the conversation is, and is no part of it that people or tools wrote. */
export function isControl(entry: TranscriptEntry): boolean {
  return entry.compaction !== undefined || entry.rewind !== undefined;
}

/** Whether the model said this in answer to the conversation; a summary of it is none. */
export function isAnswer(entry: TranscriptEntry): boolean {
  return entry.message.role === 'assistant' && !isControl(entry);
}

export function toolUsesOf(entry: TranscriptEntry): ToolUse[] {
  return blocksOf(entry).flatMap((block) =>
    block.type === 'tool_use' && typeof block.id === 'string' && typeof block.name === 'string'
      ? [{ id: block.id, name: block.name, input: block.input }]
      : [],
  );
}

export function toolResultIdsOf(entry: TranscriptEntry): string[] {
  return blocksOf(entry).flatMap((block) =>
    block.type === 'tool_result' && typeof block.tool_use_id === 'string' ? [block.tool_use_id] : [],
  );
}
