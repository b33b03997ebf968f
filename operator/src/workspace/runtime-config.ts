import { createHash } from 'node:crypto';
import { egressProxyEntry, type RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import {
  type AgentWorkspace,
  type AgentWorkspaceStatus,
  milliseconds,
  type PermissionMode,
  workspaceLabel,
} from '@dormouse/crds';
import type { Desired, Secret } from '../kube/index.ts';
import type { EffectiveSpec } from './class.ts';
import { mcpOf } from './mcp-config.ts';
import { pluginsOf } from './plugin-config.ts';
import { ownerReference, secretName } from './pod.ts';

/**
 * The type of the Secret of a workspace. A Secret's type is immutable, so applying it onto a Secret that somebody else
 * made under this name is refused by the API server: that is how the operator, which may not read Secrets, finds out.
 */
export const secretType = 'dormouse.dev/runtime';

/** What agentd is told. Providers and their keys are no part of it: `modelUrl` is the gateway's. */
export function buildRuntimeConfig(
  workspace: AgentWorkspace,
  effective: EffectiveSpec,
  modelUrl: string,
  forkedFrom?: AgentWorkspaceStatus['forkedFrom'],
): RuntimeConfig {
  const { name, namespace = '', uid = '' } = workspace.metadata;
  const { spec } = effective.class;
  const { rewind } = workspace.status ?? {};
  const config: Omit<RuntimeConfig, 'revision'> = {
    workspace: { namespace, name, uid },
    model: {
      name: effective.model,
      baseUrl: modelUrl,
      ...(effective.maxTokensPerDay === undefined ? {} : { maxTokensPerDay: effective.maxTokensPerDay }),
      ...(effective.maxTurns === undefined ? {} : { maxTurns: effective.maxTurns }),
      compactAt: workspace.spec.agent.compactAt,
    },
    ...(workspace.spec.agent.systemPrompt === undefined
      ? {}
      : { systemPrompt: workspace.spec.agent.systemPrompt }),
    permissions: {
      mode: effective.permissionMode,
      ...(effective.permissionMode === 'plan' ? afterPlan(spec.permissions.allowedModes) : {}),
      allow: spec.permissions.allow ?? [],
      ask: spec.permissions.ask ?? [],
      deny: spec.permissions.deny ?? [],
    },
    hooks: {
      ...spec.hooks,
      managed: (spec.hooks.managed ?? []).map(({ matcher, ...hook }) => ({
        ...hook,
        ...(matcher === undefined ? {} : { matcher }),
      })),
    },
    services: effective.services.map(({ name, command, port, restart }) => ({
      name,
      command,
      ...(port === undefined ? {} : { port }),
      restart,
    })),
    ...(workspace.spec.runPolicy === 'Always'
      ? {}
      : { idleAfterSeconds: Math.ceil(effective.idleAfter / 1000) }),
    ...mcpOf(workspace, effective),
    plugins: pluginsOf(workspace),
    schedules: {
      most: spec.schedules.most,
      minIntervalSeconds: Math.ceil(milliseconds(spec.schedules.minInterval) / 1000),
    },
    checkpoint: {
      keep: effective.keep,
      processes: effective.processes,
      onDumpFailure: spec.processImages.onDumpFailure,
    },
    ...(forkedFrom === undefined
      ? {}
      : {
          source: {
            workspace: {
              // Of an archive from elsewhere it may be another.
              namespace: forkedFrom.namespace ?? forkedFrom.archive?.repository.split('/')[0] ?? namespace,
              name: forkedFrom.workspace,
              uid: forkedFrom.workspaceUID,
            },
            sequence: forkedFrom.sequence,
          },
        }),
    // Looked at by the first start on that volume alone; it stays, so that a rewind that is completed changes nothing.
    ...(rewind?.phase === 'Restoring' || rewind?.phase === 'Completed'
      ? { rewind: { id: rewind.uid, sequence: rewind.to.sequence } }
      : {}),
  };
  const revision = createHash('sha256').update(JSON.stringify(config)).digest('hex');
  return { revision, ...config };
}

/** An approved plan is carried out in the most careful mode that the class allows. */
function afterPlan(allowed: readonly PermissionMode[] | undefined): { afterPlan?: PermissionMode } {
  const careful: PermissionMode[] = ['default', 'acceptEdits', 'dontAsk'];
  const mode = careful.find((each) => allowed === undefined || allowed.includes(each));
  return mode === undefined ? {} : { afterPlan: mode };
}

/** The Secret that is mounted into the container `agent`. `egressProxy` is the one thing in it that the container `workspace` sees. */
export function buildSecret(
  workspace: AgentWorkspace,
  config: RuntimeConfig,
  key: string,
  egressProxy: string,
): Desired<Secret> {
  const { name, namespace } = workspace.metadata;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return {
    metadata: {
      name: secretName(name),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { [workspaceLabel]: name, 'app.kubernetes.io/name': 'dormouse' },
      ownerReferences: [ownerReference(workspace)],
    },
    type: secretType,
    data: {
      'config.json': base64(JSON.stringify(config)),
      key: base64(key),
      [egressProxyEntry]: base64(egressProxy),
    },
  };
}
