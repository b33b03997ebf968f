import type { RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import { type AgentWorkspace, milliseconds } from '@dormouse/crds';
import type { EffectiveSpec } from './class.ts';

/** What agentd is told of MCP servers; nothing where neither the workspace nor its class says anything. */
export function mcpOf(
  { spec: { mcpServers } }: AgentWorkspace,
  { class: of }: Pick<EffectiveSpec, 'class'>,
): Pick<RuntimeConfig, 'mcp'> {
  const allowed = of.spec.mcpServers?.allowed;
  if (mcpServers === undefined && allowed === undefined) return {};
  const values = (list: readonly { name: string; value: string }[] = []) =>
    Object.fromEntries(list.map(({ name, value }) => [name, value]));
  const servers = (mcpServers ?? []).map(({ command, url, timeout, headersFrom, ...server }) => ({
    name: server.name,
    ...(command === undefined ? {} : { command: command[0] ?? '' }),
    args: command?.slice(1) ?? [],
    env: values(server.env),
    ...(url === undefined ? {} : { url }),
    transport: server.transport === 'SSE' ? ('sse' as const) : ('http' as const),
    headers: values(server.headers),
    ...(headersFrom === undefined ? {} : { byGateway: true as const }),
    ...(server.headersHelper === undefined ? {} : { headersHelper: server.headersHelper }),
    ...(timeout === undefined ? {} : { timeoutMs: milliseconds(timeout) }),
    alwaysLoad: server.alwaysLoad ?? false,
  }));
  return { mcp: { servers, ...(allowed === undefined ? {} : { allowed }) } };
}
