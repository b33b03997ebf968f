import { z } from 'zod';
import { bash } from './bash.ts';
import { edit, read, write } from './files.ts';
import { glob, grep } from './search.ts';
import { skill } from './skill.ts';
import { taskOutput, taskStop } from './tasks.ts';
import type { Tool } from './tool.ts';

/** A tool whose input has a type only it knows. */
export type AnyTool = Tool<never>;

/** In the order the model is told of them; the order is part of what the prompt cache keeps. */
const tools = [
  ...[bash, read, write, edit, glob, grep],
  ...[taskOutput, taskStop, skill],
] as unknown as readonly AnyTool[];

/** Names that older prompts and plugins use. */
const aliases: Record<string, string> = {
  BashOutput: 'TaskOutput',
  KillShell: 'TaskStop',
  KillBash: 'TaskStop',
};
const aliasFields: Record<string, string> = { bash_id: 'task_id', shell_id: 'task_id' };

function findTool(name: string, more: readonly AnyTool[]): AnyTool | undefined {
  return [...tools, ...more].find((tool) => tool.name === (aliases[name] ?? name));
}

export interface ToolDeclaration {
  name: string;
  description: string;
  input_schema: { type: 'object'; [key: string]: unknown };
}

/** The tools as the Messages API takes them; `more`: those that this workspace has besides. */
export function toolDeclarations(more: readonly AnyTool[] = []): ToolDeclaration[] {
  return [...tools, ...more].map(declarationOf);
}

export function declarationOf({ name, description, input, schema }: AnyTool): ToolDeclaration {
  if (schema !== undefined) return { name, description, input_schema: schema };
  const { $schema: _, ...own } = z.toJSONSchema(input, { target: 'draft-2020-12', io: 'input' });
  return { name, description, input_schema: { ...own, type: 'object' } };
}

export type ParsedCall = { tool: AnyTool; input: never } | { problem: string };

/** A tool call of the model, parsed; or a sentence that tells the model what to do differently. */
export function parseCall(name: string, input: unknown, more: readonly AnyTool[] = []): ParsedCall {
  const tool = findTool(name, more);
  if (tool === undefined) {
    const names = [...tools, ...more].map((it) => it.name);
    const shown = names.slice(0, 100).join(', ');
    return {
      problem: `There is no tool ${name}. There are: ${shown}${names.length > 100 ? ' and more' : ''}.`,
    };
  }
  const parsed = tool.input.safeParse(name in aliases ? renamed(input) : input);
  if (parsed.success) return { tool, input: parsed.data };
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`);
  return { problem: `The input of ${name} is not valid. ${problems.join('; ')}.` };
}

function renamed(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return input;
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [aliasFields[key] ?? key, value]));
}
