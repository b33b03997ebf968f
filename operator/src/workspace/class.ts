import {
  type AgentWorkspace,
  type AgentWorkspaceClass,
  type AgentWorkspaceSpec,
  defaultClassAnnotation,
  milliseconds,
  type PermissionMode,
} from '@dormouse/crds';
import { smallerQuantity } from './quantity.ts';

/** The class of a workspace, or the name of the one that is missing (undefined: none is the default). */
export type ClassLookup = { found: AgentWorkspaceClass } | { found: undefined; missing: string | undefined };

/** The class that a workspace names, else the default one; of several defaults the oldest, then by name. */
export function findClass(
  workspace: AgentWorkspace,
  named: (name: string) => AgentWorkspaceClass | undefined,
  all: () => readonly AgentWorkspaceClass[],
): ClassLookup {
  const name = workspace.spec.classRef?.name;
  if (name !== undefined) {
    const found = named(name);
    return found === undefined ? { found, missing: name } : { found };
  }
  const [oldest] = all()
    .filter((each) => each.metadata.annotations?.[defaultClassAnnotation] === 'true')
    .sort(
      (a, b) =>
        compare(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
        compare(a.metadata.name, b.metadata.name),
    );
  return oldest === undefined ? { found: undefined, missing: undefined } : { found: oldest };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The tokens that a workspace may use on one UTC day: what it asks for, at most what its class allows. Undefined: as many as it
 * likes.
 */
export function tokensPerDay(
  { maxTokensPerDay: asked }: { maxTokensPerDay?: number | undefined },
  { maxTokensPerDay: ceiling }: { maxTokensPerDay?: number | undefined },
): number | undefined {
  if (asked === undefined || ceiling === undefined) return asked ?? ceiling;
  return Math.min(asked, ceiling);
}

/** What a workspace gets: its spec narrowed by its class, every default filled in. */
export interface EffectiveSpec {
  class: AgentWorkspaceClass;
  runPolicy: AgentWorkspaceSpec['runPolicy'];
  storageSize: string;
  /** Milliseconds. */
  idleAfter: number;
  keep: number;
  /** Whether the pod is made so that processes can be dumped and restored. */
  processes: 'Restart' | 'Restore';
  model: string;
  permissionMode: PermissionMode;
  maxTurns: number | undefined;
  maxTokensPerDay: number | undefined;
  services: NonNullable<AgentWorkspaceSpec['services']>;
  /** One sentence for each wish that the class does not grant. */
  clamped: string[];
}

/**
 * Narrows a spec by its class. Admission refuses a workspace that asks for more than a ceiling; this is for ceilings
 * that were lowered afterwards, and for objects that came in while the admission policy was away.
 */
export function narrow(spec: AgentWorkspaceSpec, of: AgentWorkspaceClass): EffectiveSpec {
  const { ceilings, model, permissions } = of.spec;
  const clamped: string[] = [];
  const say = (field: string, asked: unknown, given: unknown) => {
    clamped.push(
      `${field} is ${String(asked)}, AgentWorkspaceClass ${of.metadata.name} allows ${String(given)}`,
    );
  };

  const storageSize = smallerQuantity(spec.storage.size, ceilings.storage);
  if (storageSize !== spec.storage.size) say('spec.storage.size', spec.storage.size, storageSize);

  let idleAfter = Math.max(5_000, milliseconds(spec.idle.after));
  if (ceilings.idleAfter !== undefined && idleAfter > milliseconds(ceilings.idleAfter)) {
    idleAfter = Math.max(5_000, milliseconds(ceilings.idleAfter));
    say('spec.idle.after', spec.idle.after, ceilings.idleAfter);
  }

  let runPolicy = spec.runPolicy;
  if (runPolicy === 'Always' && !ceilings.runAlways) {
    runPolicy = 'Auto';
    say('spec.runPolicy', 'Always', 'Auto');
  }

  let services = spec.services ?? [];
  if (ceilings.services !== undefined && services.length > ceilings.services) {
    say('the number of spec.services', services.length, ceilings.services);
    services = services.slice(0, ceilings.services);
  }

  const atMost = (field: string, asked: number | undefined, ceiling: number | undefined) => {
    if (asked === undefined) return ceiling;
    if (ceiling === undefined || asked <= ceiling) return asked;
    say(field, asked, ceiling);
    return ceiling;
  };
  const maxTokensPerDay = tokensPerDay(spec.agent, ceilings);
  if (spec.agent.maxTokensPerDay !== undefined && spec.agent.maxTokensPerDay !== maxTokensPerDay)
    say('spec.agent.maxTokensPerDay', spec.agent.maxTokensPerDay, maxTokensPerDay);
  const oneOf = <T extends string>(
    field: string,
    asked: T | undefined,
    allowed: readonly T[] | undefined,
    otherwise: T,
  ): T => {
    if (asked === undefined || asked === otherwise || allowed === undefined || allowed.includes(asked))
      return asked ?? otherwise;
    say(field, asked, otherwise);
    return otherwise;
  };

  let { processes } = spec.checkpoint;
  if (processes === 'Restore' && !of.spec.processImages.enabled) {
    processes = 'Restart';
    say('spec.checkpoint.processes', 'Restore', 'Restart');
  }

  return {
    class: of,
    processes,
    runPolicy,
    storageSize,
    idleAfter,
    keep: atMost('spec.checkpoint.keep', spec.checkpoint.keep, ceilings.checkpoints) ?? spec.checkpoint.keep,
    model: oneOf('spec.agent.model', spec.agent.model, model.allowed, model.default),
    permissionMode: oneOf(
      'spec.agent.permissionMode',
      spec.agent.permissionMode,
      permissions.allowedModes,
      permissions.defaultMode,
    ),
    maxTurns: atMost('spec.agent.maxTurns', spec.agent.maxTurns, ceilings.maxTurns),
    maxTokensPerDay,
    services,
    clamped,
  };
}
