import { z } from 'zod';
import { forkSource } from '../../protocol/config.ts';

/** A content block of the Messages API. Blocks this runtime does not know (`thinking`, `compaction`) are kept unchanged. */
const contentBlock = z.looseObject({ type: z.string() });
export type ContentBlock = z.infer<typeof contentBlock>;

/** What a model answer cost, in the API's own names. */
const apiUsage = z.looseObject({
  input_tokens: z.int().min(0),
  output_tokens: z.int().min(0),
  cache_read_input_tokens: z.int().min(0).nullish(),
  cache_creation_input_tokens: z.int().min(0).nullish(),
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
  message: z.looseObject({
    role: z.enum(['user', 'assistant']),
    content: z.union([z.string(), z.array(contentBlock)]),
    usage: apiUsage.optional(),
    stop_reason: z.string().nullish(),
  }),
  /** The key of the message that this prompt is: what makes it enter exactly once. */
  messageKey: z.string().optional(),
  /** With a tool result: what the tool saw of a file, so that an edit can be held against it. */
  toolUseResult: z.looseObject({ path: z.string().optional(), hash: z.string().optional() }).optional(),
  /** Ids of background tasks whose end this prompt told the model. */
  toldBackground: z.array(z.string()).optional(),
  /** Files of the workspace whose instructions this reminder holds, and the hash of what it holds of them. */
  contextFiles: z.array(z.object({ path: z.string(), hash: z.string() })).optional(),
  /** The skill or command that this prompt or result started, and the permission rules that it brings to its turn. */
  skill: z.object({ name: z.string(), allow: z.array(z.string()), deny: z.array(z.string()) }).optional(),
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
  forkedFrom: z.object({ sessionId: z.string(), uuid: z.string() }).optional(),
  /** What comes before this entry was said in another workspace, until its checkpoint. */
  forkedWorkspace: forkSource.optional(),
});
export type TranscriptEntry = z.infer<typeof transcriptEntry>;

export interface ToolUse {
  id: string;
  name: string;
  input: unknown;
}

export function blocksOf(entry: TranscriptEntry): ContentBlock[] {
  const { content } = entry.message;
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** The text blocks of an entry, one after another. */
export function textOf(entry: TranscriptEntry): string {
  return blocksOf(entry)
    .flatMap((block) => (block.type === 'text' && typeof block.text === 'string' ? [block.text] : []))
    .join('\n');
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
