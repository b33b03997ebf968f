import { z } from 'zod';
import { type OwnServers, ownServerEntry, parseOwnServers } from '../../mcp/own-servers.ts';
import { type Effort, effort } from '../../model/effort.ts';
import { splitFrontmatter } from '../frontmatter.ts';
import { frontmatterHooks } from '../frontmatter-hooks.ts';
import { type MemoryScope, memoryScope } from '../memory/agent-memory.ts';
import type { CollectedFile } from '../source.ts';

/** What a subagent is: a file of the workspace, or one of those that come with the runtime. */
export interface AgentDefinition {
  /** What it is called by: `code-reviewer`. */
  name: string;
  /** When to hand work to it. */
  description: string;
  /** What it is told before its task. */
  prompt: string;
  /** The tools that it may use; absent: all that subagents may. */
  tools?: readonly string[];
  disallowedTools: readonly string[];
  /** A model's name; absent: that of the workspace. */
  model?: string;
  /** Absent: the model's usual one. */
  effort?: Effort;
  permissionMode?: string;
  maxTurns?: number;
  /** Skills whose text it is told at its beginning. */
  skills: readonly string[];
  background: boolean;
  worktree: boolean;
  /** Whose notes it keeps. */
  memory?: MemoryScope;
  color?: string;
  /** Servers that it has in any case, or alone. */
  mcpServers?: OwnServers;
  /** Hooks that have their say while it is at work. */
  hooks?: Record<string, unknown>;
  /** Absent for those that come with the runtime. */
  path?: string;
}

const maxPromptChars = 200_000;
const text = z.string().trim().min(1).max(10_000);
/** A list, or names with commas between them. `Agent(a, b)` is one name. */
const names = z
  .union([z.array(z.string()).max(200), z.string().max(10_000).transform(splitNames)])
  .transform((list) => list.map((name) => name.trim()).filter((name) => name !== ''));

/** The fields that have an effect; others are for other programs. */
const fields = {
  name: z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9_-]+$/, 'must be letters, digits and hyphens'),
  description: text,
  tools: names,
  disallowedTools: names,
  model: text,
  effort,
  permissionMode: text,
  maxTurns: z.int().min(1),
  skills: names,
  background: z.boolean(),
  isolation: z.enum(['worktree']),
  memory: memoryScope,
  color: text,
  mcpServers: z.array(ownServerEntry).max(32),
  hooks: frontmatterHooks,
};
type Fields = { [Name in keyof typeof fields]?: z.infer<(typeof fields)[Name]> };
/** Passing over one of these would give a subagent more than its file says. */
const narrowing: ReadonlySet<string> = new Set(['tools', 'disallowedTools', 'permissionMode', 'isolation']);

export interface ParsedAgent {
  /** Absent where the file is none: sentences say why. */
  agent?: AgentDefinition;
  problems: string[];
}

/** Reads the file of a subagent. One that would have more than its file says is left out; other wrong fields are passed over. */
export async function parseAgent({ path, content }: CollectedFile): Promise<ParsedAgent> {
  const { fields: given, body, problem } = await splitFrontmatter(content);
  if (problem !== undefined)
    return { problems: [`${path}:${problem.line}: ${problem.message}. It is no subagent until then.`] };
  // Notes and README files lie beside them.
  if (given.name === undefined && given.description === undefined) return { problems: [] };
  const { known, wrong } = checked(given);
  const problems = wrong.map(
    ({ field, message }) => `${path}:${lineOf(content, field)}: ${field}: ${message}.`,
  );
  const fatal =
    known.name === undefined ||
    known.description === undefined ||
    wrong.some(({ field }) => narrowing.has(field));
  if (fatal) {
    const missing = (['name', 'description'] as const).filter((field) => given[field] == null);
    return {
      problems: [
        ...missing.map((field) => `${path}:1: it has no ${field}, which a subagent needs.`),
        ...problems.map((sentence) => `${sentence} It is no subagent until this is put right.`),
      ],
    };
  }
  const { name = '', description = '' } = known;
  const own = known.mcpServers && parseOwnServers(path, known.mcpServers);
  for (const { name, message } of own?.problems ?? [])
    problems.push(`${path}:${lineOfEntry(content, 'mcpServers', name)}: ${message}`);
  const agent: AgentDefinition = {
    name,
    description: description.replace(/\s+/g, ' '),
    prompt: body.trim().slice(0, maxPromptChars),
    disallowedTools: known.disallowedTools ?? [],
    skills: known.skills ?? [],
    background: known.background ?? false,
    worktree: known.isolation === 'worktree',
    path,
    ...(known.tools !== undefined && { tools: known.tools }),
    ...(known.model !== undefined && known.model !== 'inherit' && { model: known.model }),
    ...(known.effort !== undefined && { effort: known.effort }),
    ...(known.permissionMode !== undefined && { permissionMode: known.permissionMode }),
    ...(known.maxTurns !== undefined && { maxTurns: known.maxTurns }),
    ...(known.memory !== undefined && { memory: known.memory }),
    ...(known.color !== undefined && { color: known.color }),
    ...(own !== undefined && { mcpServers: own.servers }),
    ...(known.hooks !== undefined && { hooks: known.hooks }),
  };
  return { agent, problems };
}

function checked(given: Record<string, unknown>): {
  known: Fields;
  wrong: { field: string; message: string }[];
} {
  const known: Record<string, unknown> = {};
  const wrong: { field: string; message: string }[] = [];
  for (const [field, schema] of Object.entries(fields)) {
    if (given[field] === undefined || given[field] === null) continue;
    const parsed = schema.safeParse(given[field]);
    if (parsed.success) known[field] = parsed.data;
    else wrong.push({ field, message: parsed.error.issues[0]?.message ?? 'it is not valid' });
  }
  return { known: known as Fields, wrong };
}

function lineOf(content: string, field: string): number {
  return content.split('\n').findIndex((line) => line.startsWith(`${field}:`)) + 1;
}

/** The line of `ENTRY:` below a field; that of the field where there is none of its own. */
function lineOfEntry(content: string, field: string, entry: string): number {
  const first = lineOf(content, field);
  const isEntry = (line: string) => /^[\s-]*(["']?)(.*?)\1\s*:/.exec(line)?.[2] === entry;
  const below = content.split('\n').slice(first).findIndex(isEntry);
  return below === -1 ? first : first + below + 1;
}

/** Splits at commas outside of brackets. */
function splitNames(list: string): string[] {
  return list.match(/[^,(]+(?:\([^)]*\))?/g) ?? [];
}
