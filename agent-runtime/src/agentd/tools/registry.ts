import { z } from 'zod';
import { agent } from './agent.ts';
import { askUserQuestion } from './ask-user-question.ts';
import { bash } from './bash.ts';
import { enterPlanMode } from './enter-plan-mode.ts';
import { exitPlanMode } from './exit-plan-mode.ts';
import { edit, read, write } from './files.ts';
import { monitor } from './monitor.ts';
import { notebookEdit } from './notebook-edit.ts';
import { cronCreate, cronDelete, cronList, scheduleWakeup } from './schedule.ts';
import { glob, grep } from './search.ts';
import { sendMessage } from './send-message.ts';
import { skill } from './skill.ts';
import { taskCreate, taskGet, taskListTool, taskUpdate } from './task-list/tools.ts';
import { taskOutput, taskStop } from './tasks.ts';
import type { Tool } from './tool.ts';
import { webFetch } from './web-fetch.ts';

/** A tool whose input has a type only it knows. */
export type AnyTool = Tool<never>;

/** In the order the model is told of them; the order is part of what the prompt cache keeps. */
const tools = [
  ...[bash, read, write, edit, glob, grep],
  ...[notebookEdit, taskOutput, taskStop, skill, agent, sendMessage],
  ...[webFetch, taskCreate, taskUpdate, taskGet, taskListTool],
  ...[askUserQuestion, exitPlanMode],
  ...[cronCreate, cronList, cronDelete, scheduleWakeup, monitor, enterPlanMode],
] as unknown as readonly AnyTool[];

/** Names that older prompts and plugins use. */
const aliases: Record<string, string> = {
  BashOutput: 'TaskOutput',
  KillShell: 'TaskStop',
  KillBash: 'TaskStop',
  Task: 'Agent',
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

/** The names of those that every workspace has. */
export const toolNames: readonly string[] = tools.map((tool) => tool.name);

type Offered = (tool: string) => boolean;
const all: Offered = () => true;

/** The tools as the Messages API takes them, or those of them that are offered; `more`: those that this workspace has besides. */
export function toolDeclarations(more: readonly AnyTool[] = [], offered = all): ToolDeclaration[] {
  return [...tools, ...more].filter((tool) => offered(tool.name)).map(declarationOf);
}

/** What has been derived from a schema stays: deriving it again for each request took 1.5 ms of a turn's 8 (`npm run bench -- runtime`). */
const declarations = new WeakMap<AnyTool, ToolDeclaration>();

export function declarationOf(tool: AnyTool): ToolDeclaration {
  const { name, description, input, schema } = tool;
  if (schema !== undefined) return { name, description, input_schema: schema };
  const known = declarations.get(tool);
  if (known !== undefined) return known;
  const { $schema: _, ...own } = z.toJSONSchema(input, { target: 'draft-2020-12', io: 'input' });
  const declaration = { name, description, input_schema: { ...own, type: 'object' as const } };
  declarations.set(tool, declaration);
  return declaration;
}

export type ParsedCall = { tool: AnyTool; input: never } | { problem: string };

/** A tool call of the model, parsed; or a sentence that tells the model what to do differently. */
export function parseCall(
  name: string,
  input: unknown,
  more: readonly AnyTool[] = [],
  offered = all,
): ParsedCall {
  const tool = findTool(name, more);
  if (tool === undefined || !offered(tool.name)) {
    const names = [...tools, ...more].map((it) => it.name).filter(offered);
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
