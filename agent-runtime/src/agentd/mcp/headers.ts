import { z } from 'zod';
import type { McpServer } from '../../protocol/mcp.ts';
import type { ToolsClient } from '../tools/tools-client.ts';

/** Milliseconds that the helper may take. */
const helperMs = 10_000;
const maxChars = 65_536;
const printedHeaders = z.record(z.string(), z.string());

/** What the `headersHelper` of a server prints; it runs in the workspace, afresh for each connection. */
export async function headersOf(
  { name, url, headersHelper }: McpServer,
  project: string,
  tools: ToolsClient,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  if (headersHelper === undefined) return {};
  let printed = '';
  // What it complains of is not part of what it prints.
  const command = `{ ${headersHelper}\n} 2>/dev/null`;
  const env = { CLAUDE_CODE_MCP_SERVER_NAME: name, CLAUDE_CODE_MCP_SERVER_URL: url ?? '' };
  const exit = await tools.exec(
    { command, cwd: project, env, timeoutMs: helperMs },
    (text) => {
      printed = (printed + text).slice(0, maxChars);
    },
    { signal },
  );
  if (exit.code !== 0) {
    const how = exit.timedOut ? 'took more than 10 seconds' : `ended with ${exit.signal ?? exit.code}`;
    throw new Error(`its headersHelper ${how}`);
  }
  const parsed = printedHeaders.safeParse(parseJson(printed));
  if (!parsed.success) throw new Error('its headersHelper did not print a JSON object of strings');
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what it should have been.
    return undefined;
  }
}
