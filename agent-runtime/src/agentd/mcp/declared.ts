import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type McpServer, mcpServer, mcpServerName } from '../../protocol/mcp.ts';
import { type Plugin, withVariables } from '../plugins/plugin.ts';
import { parseJson } from '../settings/json.ts';

/** A server and whose word it is: the workspace's spec, or the file that names it. */
export interface Declared {
  server: McpServer;
  /** Absent: the spec of the workspace, or its class. */
  file?: string;
}

/** An entry of `mcpServers` in a file. What it holds besides has no meaning here. */
const fileEntry = z.object({
  type: z.enum(['stdio', 'http', 'streamable-http', 'sse']).optional(),
  command: z.string().optional(),
  args: z.array(z.string()).optional(),
  env: z.record(z.string(), z.string()).optional(),
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  headersHelper: z.string().optional(),
  oauth: z
    .object({
      clientId: z.string().optional(),
      clientSecret: z.string().optional(),
      scopes: z.string().optional(),
      issuer: z.string().optional(),
    })
    .optional(),
  /** Milliseconds. */
  timeout: z.number().optional(),
  alwaysLoad: z.boolean().optional(),
});

const serverMap = z.record(z.string(), z.unknown());
const mcpFile = z.object({ mcpServers: serverMap.optional() });
const userFile = mcpFile.extend({
  projects: z.record(z.string(), z.object({ mcpServers: serverMap.optional() })).optional(),
});

export interface Parsed {
  servers: Declared[];
  /** One sentence each, with the file that it is about. */
  problems: string[];
}

/** The servers of a `.mcp.json`. */
export function parseProjectFile(path: string, text: string): Parsed {
  return parsed(path, text, mcpFile, ({ mcpServers }) => [mcpServers ?? {}]);
}

/** The servers of a plugin, called `plugin_PLUGIN_SERVER`. Those of a pinned one are whoever's word who declared it, as those of the spec are. */
export function parsePluginServers(plugin: Plugin, path: string, servers: Record<string, unknown>): Parsed {
  const map = withVariables(servers, plugin);
  const found = serversOf(
    path,
    Object.entries(map).map(([name, entry]) => [`plugin_${plugin.name}_${name}`, entry]),
  );
  return {
    problems: found.problems,
    servers: found.servers.map(({ server }) => ({
      server: server.command === undefined ? server : { ...server, env: { ...plugin.env, ...server.env } },
      ...(!plugin.pinned && { file: path }),
    })),
  };
}

/** The servers that a file of a plugin has. */
export function parsePluginFile(plugin: Plugin, path: string, text: string): Parsed {
  const json = parseJson(path, text);
  if ('problem' in json) return { servers: [], problems: [json.problem] };
  const file = mcpFile.safeParse(json.value);
  if (!file.success) return { servers: [], problems: [`${path}: ${issuesOf(file.error)}.`] };
  return parsePluginServers(plugin, path, file.data.mcpServers ?? {});
}

/** The servers of a `~/.claude.json`: first those of this project, then the user's everywhere. */
export function parseUserFile(path: string, text: string, project: string): Parsed[] {
  const local = parsed(path, text, userFile, ({ projects }) => [projects?.[project]?.mcpServers ?? {}]);
  const user = parsed(path, text, userFile, ({ mcpServers }) => [mcpServers ?? {}]);
  return [local, { ...user, problems: user.problems.filter((each) => !local.problems.includes(each)) }];
}

function parsed<T>(
  path: string,
  text: string,
  schema: z.ZodType<T>,
  mapsOf: (file: T) => Record<string, unknown>[],
): Parsed {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { servers: [], problems: [`${path} is no JSON: ${(error as Error).message}.`] };
  }
  const file = schema.safeParse(json);
  if (!file.success) return { servers: [], problems: [`${path}: ${issuesOf(file.error)}.`] };
  return serversOf(
    path,
    mapsOf(file.data).flatMap((map) => Object.entries(map)),
  );
}

function serversOf(path: string, entries: readonly [string, unknown][]): Parsed {
  const { servers, problems } = parseEntries(entries);
  return {
    servers: servers.map((server) => ({ server, file: path })),
    problems: problems.map(({ message }) => `${path}: ${message}`),
  };
}

/** The servers of these entries, and a sentence for each that is left out. */
export function parseEntries(entries: readonly [string, unknown][]): {
  servers: McpServer[];
  problems: { name: string; message: string }[];
} {
  const servers: McpServer[] = [];
  const problems: { name: string; message: string }[] = [];
  for (const [name, entry] of entries) {
    const server = serverOf(name, entry);
    if (typeof server === 'string')
      problems.push({ name, message: `the MCP server ${name.slice(0, 64)} is left out: ${server}.` });
    else servers.push(server);
  }
  return { servers, problems };
}

/** The server, or why there is none. */
function serverOf(given: string, entry: unknown): McpServer | string {
  const name = normalName(given);
  if (!mcpServerName.safeParse(name).success) return 'its name must have 1 to 64 letters, digits, "-" or "_"';
  // `mcp__a__b__c` must be a tool of one server, or a rule for `mcp__a__*` would let in another.
  if (name.includes('__')) return 'its name must not hold "__"';
  // Claude Code keeps this name for itself.
  if (name === 'workspace') return 'the name workspace is reserved';
  const found = fileEntry.safeParse(entry);
  if (!found.success) return issuesOf(found.error);
  const { type, command, args, env, url, headers, headersHelper, oauth, timeout, alwaysLoad } = found.data;
  const remote = type === undefined ? command === undefined : type !== 'stdio';
  if (remote && url === undefined) return 'it has neither a command nor a url';
  if (!remote && command === undefined) return 'it has no command';
  const { clientId, ...credentials } = oauth ?? {};
  const server = mcpServer.safeParse({
    name,
    ...(remote
      ? { url, transport: type === 'sse' ? 'sse' : 'http', headers, headersHelper }
      : { command, args, env }),
    ...(remote && clientId !== undefined && { oauth: { clientId, ...credentials } }),
    // Anything below a second was meant otherwise, and is as if it were not there.
    ...(timeout !== undefined && timeout >= 1000 && { timeoutMs: Math.min(Math.round(timeout), 86_400_000) }),
    alwaysLoad,
  });
  return server.success ? server.data : issuesOf(server.error);
}

/** What may stand in the name of a tool; the rest becomes `_`. */
export function normalName(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/g, '_');
}

/** What a person approves of: 16 hex digits that stand for the server as it is declared, variables unexpanded. */
export function digestOf(server: McpServer): string {
  const sorted = (value: unknown): unknown =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? value
      : Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, each]) => [key, sorted(each)]),
        );
  return createHash('sha256')
    .update(JSON.stringify(sorted(server)))
    .digest('hex')
    .slice(0, 16);
}

/** One line for a person who is asked, or a model that asks: what would run, or be connected to. */
export function describeServer({ server, file }: Declared): string {
  const what =
    server.command === undefined
      ? `connects to ${server.url}${server.headersHelper === undefined ? '' : `, with headers from: ${server.headersHelper}`}`
      : `runs: ${[server.command, ...server.args].map(quoted).join(' ')}`;
  const env = Object.keys(server.env);
  const more = env.length === 0 ? '' : ` (with ${env.join(', ')})`;
  return `${server.name}${file === undefined ? '' : ` of ${file}`} ${what}${more}`;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./${}-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function issuesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`)
    .join('; ');
}
