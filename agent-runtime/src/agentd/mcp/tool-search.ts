import { z } from 'zod';
import { type AnyTool, declarationOf } from '../tools/registry.ts';
import { failed, succeeded, type Tool } from '../tools/tool.ts';

/** Characters of all tools of servers together, in the request, above which they are looked up instead. */
const roomForTools = 40_000;

/** Which tools stand before the model, and which it has to look for first. */
export interface Division {
  shown: AnyTool[];
  deferred: AnyTool[];
}

/** `always`: the names of tools that are shown in any case. */
export function divide(tools: readonly AnyTool[], always: ReadonlySet<string>): Division {
  const size = tools.reduce((sum, tool) => sum + JSON.stringify(declarationOf(tool)).length, 0);
  if (size <= roomForTools) return { shown: [...tools], deferred: [] };
  return {
    shown: tools.filter((tool) => always.has(tool.name)),
    deferred: tools.filter((tool) => !always.has(tool.name)),
  };
}

const input = z.strictObject({
  query: z
    .string()
    .min(1)
    .max(1_000)
    .describe('Words of what the tool shall do; or `select:NAME,NAME` for tools whose names you know.'),
  max_results: z.int().min(1).max(20).optional().describe('How many tools; 5 unless given.'),
});

/** Finds deferred tools and puts them before the model, from the next request of this session on. */
export function toolSearch(deferred: () => readonly AnyTool[]): AnyTool {
  const tool: Tool<z.infer<typeof input>> = {
    name: 'ToolSearch',
    description:
      'Finds tools of MCP servers that are not loaded yet, and loads them: from then on you can call them. A system-reminder names them all.',
    input,
    parallel: true,
    access: () => ({ kind: 'none', tool: 'ToolSearch' }),
    summary: ({ query }) => query,
    async run({ query, max_results }) {
      const found = search(deferred(), query, max_results ?? 5);
      if (found.length === 0) return failed(`No tool matches ${JSON.stringify(query)}.`);
      const lines = found.map((each) => JSON.stringify(declarationOf(each)));
      return succeeded(`Loaded, and can be called now:\n${lines.join('\n')}`, {
        loadedTools: found.map(({ name }) => name),
      });
    },
  };
  return tool as unknown as AnyTool;
}

/** The tools in the order of how many words of the query they have; a word of the name counts for four of the description. */
export function search(tools: readonly AnyTool[], query: string, most: number): AnyTool[] {
  const selected = /^select:(.*)$/s
    .exec(query.trim())?.[1]
    ?.split(',')
    .map((name) => name.trim());
  if (selected !== undefined) return tools.filter(({ name }) => selected.includes(name)).slice(0, most);
  const words = query
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);
  return tools
    .map((tool) => {
      const name = tool.name.toLowerCase();
      const description = tool.description.toLowerCase();
      const score = words.reduce(
        (sum, word) => sum + (name.includes(word) ? 4 : 0) + (description.includes(word) ? 1 : 0),
        0,
      );
      return { tool, score };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ tool }) => tool);
}
