import type { AgentDefinition } from '../context/agents/definition.ts';
import { agentMemory, type OwnMemory, ownMemoryOf } from '../context/memory/agent-memory.ts';
import { type AutoMemory, autoMemoryOf, hasMemory } from '../context/memory/auto-memory.ts';
import type { SettingsFile } from '../settings/settings.ts';
import { ToolRefused, ToolsUnavailable } from '../tools/tools-client.ts';
import { settingsOf } from './file-rules.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { projectOf } from './scope.ts';

type Where = { logs: SessionLogs; host: SessionHost };
type Switches = [files: readonly SettingsFile[], environment: Readonly<Record<string, string>>];

/**
 * Where this session keeps its notes. Undefined: nowhere, as it is a subagent whose file names no memory, it is switched off, or
 * the tools cannot say.
 */
export async function autoMemoryFor(
  where: Where,
  settings: Promise<{ files: readonly SettingsFile[] }>,
  signal: AbortSignal,
): Promise<AutoMemory | undefined> {
  const { home, subagent } = where.host;
  if (subagent !== undefined && subagent.memory === undefined) return undefined;
  const switches = await switchesOf(where, settings, signal);
  if (switches === undefined) return undefined;
  if (subagent?.memory === undefined) return autoMemoryOf(projectOf(where), home, ...switches);
  return hasMemory(...switches) ? agentMemory(subagent.memory) : undefined;
}

/** The memory of a subagent that this session begins. */
export async function memoryOfNew(
  agent: AgentDefinition,
  where: Where,
  signal: AbortSignal,
): Promise<OwnMemory | undefined> {
  if (agent.memory === undefined) return undefined;
  const switches = await switchesOf(where, settingsOf(where, signal), signal);
  if (switches === undefined || !hasMemory(...switches)) return undefined;
  return ownMemoryOf(agent.memory, agent, where.host.home);
}

/** What may switch memory off. Undefined where the tools cannot say. */
async function switchesOf(
  where: Where,
  settings: Promise<{ files: readonly SettingsFile[] }>,
  signal: AbortSignal,
): Promise<Switches | undefined> {
  const { client, log } = where.host;
  try {
    // Beside each other: where the tools do not answer, both wait for them.
    const [{ files }, environment] = await Promise.all([settings, client.environment(signal)]);
    return [files, environment];
  } catch (error) {
    if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
    log.warn({ err: error }, 'whether there is a memory cannot be told');
    return undefined;
  }
}
