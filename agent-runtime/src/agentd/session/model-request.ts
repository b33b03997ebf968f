import { effortFor, modelFor } from '../context/skills/grants.ts';
import type { ModelFailure } from '../model/failure.ts';
import type { ModelRequest } from '../model/model-client.ts';
import type { Attempts } from '../model/patient-model.ts';
import { systemPrompt } from '../model/system-prompt.ts';
import { mayUse } from '../subagents/narrow.ts';
import { toolDeclarations } from '../tools/registry.ts';
import type { TranscriptEntry } from './entry.ts';
import type { SessionHost } from './host.ts';
import type { SessionLogs } from './logs.ts';
import { permissionsOf } from './scope.ts';

/** Why a message failed, or what it waits for: `reason` is a documented one of AgentMessage. */
export interface Trouble {
  reason: string;
  message: string;
}

/**
 * A request of these messages, put together each time it is made: the configuration may have changed. What the model looked for in
 * `entries` is among its tools; a skill of `turn` may have asked for another model or effort.
 */
export function requestOf(
  where: { logs: SessionLogs; host: SessionHost },
  entries: readonly TranscriptEntry[],
  messages: ModelRequest['messages'],
  turn: readonly TranscriptEntry[] = [],
): () => ModelRequest {
  const { host } = where;
  const { subagent } = host;
  const loaded = entries.flatMap((entry) => entry.loadedTools ?? []);
  const tools = toolDeclarations(host.mcp.declared(loaded), subagent && mayUse(subagent));
  return () => {
    const { workspace, model, systemPrompt: custom } = host.config();
    const effort = effortFor(turn, subagent?.effort);
    const planMode = permissionsOf(where).mode === 'plan';
    return {
      model: modelFor(turn, model.name),
      system: systemPrompt(workspace, custom, planMode),
      tools,
      messages,
      ...(effort !== undefined && { effort }),
    };
  };
}

/** How a session asks: `changed` is told of each failure that will be tried again. */
export function attemptsOf(
  { session, host, signal }: { session: string; host: SessionHost; signal: AbortSignal },
  changed: (trouble: Trouble) => void,
): Attempts {
  return {
    signal,
    onText: (text) => {
      host.delta(session, text);
      host.active();
    },
    onFailure: (failure) => {
      host.log.warn({ session, ...failure }, 'model request failed');
      changed(waitingFor(failure));
    },
  };
}

/** Why a message waits for the model. */
function waitingFor({ reason, message }: ModelFailure): Trouble {
  if (reason === 'Unauthorized') return { reason: 'ModelUnauthorized', message };
  if (reason === 'CredentialMissing') return { reason: 'ModelCredentialMissing', message };
  return { reason: 'ModelUnavailable', message };
}

/** Why a message failed, as the model would refuse it again. */
export function refused({ gateway, message }: ModelFailure): Trouble {
  if (gateway === 'TokenBudgetSpent' || gateway === 'CostBudgetSpent') return { reason: gateway, message };
  const who = gateway === undefined ? 'The model provider' : 'The gateway';
  return { reason: 'ModelRefused', message: `${who} refused the request: ${message}` };
}
