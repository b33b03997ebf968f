import type { Tool as ServerTool } from '@modelcontextprotocol/client';
import { z } from 'zod';
import { writeResult } from '../../protocol/tools-api.ts';
import { addUsage, noUsage } from '../session/usage.ts';
import type { AnyTool } from '../tools/registry.ts';
import {
  CallSuspended,
  failed,
  succeeded,
  type Tool,
  type ToolContext,
  type ToolOutcome,
} from '../tools/tool.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import type { McpConnection } from './connection.ts';
import type { DuringCall } from './during-call.ts';
import { NotConnected } from './failures.ts';
import { callWithInput, Declined, usageSoFar } from './input-required.ts';
import { usableSchema } from './input-schema.ts';
import { toolName } from './names.ts';
import { textOfContents, textOfResult } from './result-text.ts';
import { MoreScopesWanted } from './scopes.ts';
import { SignInWanted } from './sign-ins.ts';

/** Characters: of a description, of a result that goes to the model whole, of the most that a tool may ask for. */
const limits = { description: 2_048, result: 100_000, most: 500_000, preview: 2_000, schema: 4_000 };

const anyInput = z.record(z.string(), z.unknown());

/** A tool of a connected server, as the model sees it. */
export function serverTool(connection: McpConnection, tool: ServerTool): AnyTool {
  const name = toolName(connection.server.name, tool.name);
  const schema = usableSchema(tool.inputSchema);
  const made: Tool<Record<string, unknown>> = {
    name,
    description: describe(tool, schema !== undefined),
    input: anyInput,
    schema: schema ?? { type: 'object' },
    // The server's word, and no more than an order of calls depends on it.
    parallel: tool.annotations?.readOnlyHint === true,
    access: () => ({ kind: 'mcp', tool: name }),
    summary: (input) => JSON.stringify(input),
    async run(input, context) {
      const { signal, active, later } = context;
      let usage = usageSoFar(later.kept);
      const outcome = await answered(context, async () => {
        const during: DuringCall = {
          ask: (...question) => context.askPerson(name, ...question),
          hooks: context.elicitationHooks,
          async askModel(...question) {
            const answer = await context.askModel(...question);
            usage = addUsage(usage ?? noUsage, answer.usage);
            return { text: answer.text, model: context.model };
          },
          unasked: context.permissionMode === 'bypassPermissions',
        };
        const result = await callWithInput(
          (resumed) =>
            connection.call(tool.name, input, { ...{ signal, progress: active, during }, resumed }),
          {
            ...{ server: connection.server, project: connection.project, during, signal },
            usage: () => usage,
            later: { ...later, ask: (...question) => later.ask(name, ...question) },
          },
        );
        const text = textOfResult(result);
        if (result.isError === true)
          return failed(text === '' ? 'The tool failed.' : cut(text, limits.result));
        return bounded(text, limitOf(tool), context);
      });
      // However it ended.
      return usage === undefined ? outcome : { ...outcome, modelUsage: usage };
    },
  };
  return made as unknown as AnyTool;
}

function describe({ title, description = title ?? '', inputSchema }: ServerTool, usable: boolean): string {
  const text = cut(description.toWellFormed(), limits.description);
  if (usable) return text;
  // The API would refuse it; the model can still read it.
  return `${text}\n\nIts input follows this schema: ${cut(JSON.stringify(inputSchema), limits.schema)}`;
}

function limitOf({ _meta }: ServerTool): number {
  const asked = _meta?.['anthropic/maxResultSizeChars'];
  return typeof asked === 'number' && asked > 0 ? Math.min(asked, limits.most) : limits.result;
}

/** Whether a server wants one of its tools before the model at any time. */
export function isAlwaysLoaded(tool: ServerTool): boolean {
  return tool._meta?.['anthropic/alwaysLoad'] === true;
}

/** A text as the outcome; one that is too long lies in a file of the home, and its ends are shown. */
async function bounded(text: string, limit: number, context: ToolContext): Promise<ToolOutcome> {
  if (text.length <= limit) return succeeded(text);
  const id = context.toolUseId.replace(/[^\w-]/g, '_');
  const path = `${context.home}/.cache/dormouse/mcp/${id}.txt`;
  const body = { path, content: text };
  const options = { signal: context.signal };
  await context.client.call('POST', '/files/write', body, writeResult, options);
  const shown = `${text.slice(0, limits.preview)}\n[…]\n${text.slice(-limits.preview)}`;
  return succeeded(
    `${shown}\n[Output shortened: it has ${text.length} characters. The whole output is in ${path}.]`,
  );
}

/** Gives what goes wrong with a server its sentence for the model. What goes wrong with the workspace is the caller's. */
export async function answered(
  context: Pick<ToolContext, 'signal'>,
  call: () => Promise<ToolOutcome>,
): Promise<ToolOutcome> {
  try {
    return await call();
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof CallSuspended) throw error;
    if (error instanceof MoreScopesWanted || error instanceof SignInWanted || error instanceof Declined)
      return failed(`The server refused: ${error.message}. Nothing was done.`);
    if (error instanceof NotConnected) return failed(`${error.message}. Nothing was done.`);
    if (error instanceof ToolRefused || error instanceof ToolsUnavailable) throw error;
    const { name, message } = error as Error;
    const said = cut(message, limits.preview);
    // An answer of the server, that it did not do it.
    if (name === 'ProtocolError' || name === 'McpError') return failed(`The server refused: ${said}`);
    return failed(
      `The call was cut off: ${said}. It may or may not have taken effect: look before you repeat it.`,
    );
  }
}

export function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`.toWellFormed();
}

/** What to read from, by its name; or the sentence that there is none. */
export type FindConnection = (server: string) => McpConnection | string;

/** `ListMcpResourcesTool` and `ReadMcpResourceTool`, for servers that offer resources. */
export function resourceTools(connections: () => readonly McpConnection[], find: FindConnection): AnyTool[] {
  const listInput = z.strictObject({
    server: z.string().max(64).optional().describe('Only of this server; of all unless given.'),
  });
  const list: Tool<z.infer<typeof listInput>> = {
    name: 'ListMcpResourcesTool',
    description:
      'The resources that MCP servers offer, each with its server and URI, and templates (RFC 6570) of URIs that can be read besides.',
    input: listInput,
    parallel: true,
    access: () => ({ kind: 'none', tool: 'ListMcpResourcesTool' }),
    summary: ({ server }) => server ?? '',
    async run({ server }) {
      const asked = server === undefined ? connections() : [find(server)];
      const missing = asked.find((each) => typeof each === 'string');
      if (missing !== undefined) return failed(missing);
      const lines = (asked as readonly McpConnection[]).flatMap(({ server: { name: of }, offer }) => [
        ...offer.resources.map(({ uri, name, mimeType, description }) =>
          JSON.stringify({ server: of, uri, name, mimeType, description }),
        ),
        ...offer.templates.map(({ uriTemplate, name, mimeType, description }) =>
          JSON.stringify({ server: of, uriTemplate, name, mimeType, description }),
        ),
      ]);
      return succeeded(lines.length === 0 ? 'There are no resources.' : cut(lines.join('\n'), limits.result));
    },
  };
  const readInput = z.strictObject({
    server: z.string().min(1).max(64).describe('The server.'),
    uri: z.string().min(1).max(8192).describe('The URI, as it is listed, or made of a template.'),
  });
  const read: Tool<z.infer<typeof readInput>> = {
    name: 'ReadMcpResourceTool',
    description: 'Reads one resource of an MCP server.',
    input: readInput,
    parallel: true,
    access: () => ({ kind: 'none', tool: 'ReadMcpResourceTool' }),
    summary: ({ server, uri }) => `${uri} of ${server}`,
    run: ({ server, uri }, context) =>
      answered(context, async () => {
        const connection = find(server);
        if (typeof connection === 'string') return failed(connection);
        const { contents } = await connection.read(uri, context.signal);
        return bounded(textOfContents(contents), limits.result, context);
      }),
  };
  return [list, read] as unknown as AnyTool[];
}
