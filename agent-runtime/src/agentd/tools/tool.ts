import type { z } from 'zod';
import type { BackgroundTasks } from '../background/background-tasks.ts';
import type { Access } from '../permissions/decide.ts';
import type { TranscriptEntry } from '../session/entry.ts';
import type { ToolsClient } from './tools-client.ts';

/** What a tool works with. */
export interface ToolContext {
  toolUseId: string;
  session: string;
  /** The session's working directory. */
  cwd: string;
  home: string;
  signal: AbortSignal;
  client: ToolsClient;
  background: BackgroundTasks;
  /** SHA-256 of files as this session last saw them, by absolute path. */
  seen: ReadonlyMap<string, string>;
  /** Whether a deny rule keeps this path from being read. */
  hidden: (path: string) => boolean;
  /** Something that counts as activity happened. */
  active: () => void;
  /** Starts a skill for the model; what comes of it is the outcome of the tool. */
  startSkill: (name: string, args: string) => Promise<ToolOutcome>;
}

export interface ToolOutcome {
  content: string;
  isError: boolean;
  /** The file as the session now knows it. */
  seen?: { path: string; hash: string };
  /** The session's working directory from here on. */
  cwd?: string;
  /** Names of tools that are before the model from the next request on. */
  loadedTools?: string[];
  /** The skill that was started, with what it may use. */
  skill?: NonNullable<TranscriptEntry['skill']>;
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
  access(input: Input, context: { cwd: string; home: string }): Access;
  /** One line for a person who is asked. */
  summary(input: Input): string;
  run(input: Input, context: ToolContext): Promise<ToolOutcome>;
}

export function succeeded(content: string, more: Omit<ToolOutcome, 'content' | 'isError'> = {}): ToolOutcome {
  return { content, isError: false, ...more };
}

export function failed(content: string): ToolOutcome {
  return { content, isError: true };
}
