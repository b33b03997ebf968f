import type { ArchiveProgress } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import type { KubeClient, KubeObject, ObjectName } from '../kube/index.ts';
import type { AgentConnection, AgentTarget } from '../runtime/index.ts';
import type { EventNote } from '../telemetry/index.ts';
import type { Release } from './network-policy.ts';
import type { RateLimit } from './rate-limit.ts';

/** What writes of pods and claims are told to, until the caches show them. */
export interface ExpectationSink {
  created(object: KubeObject): void;
  deleted(object: KubeObject): void;
}

/**
 * Events have no index: for those of one claim the API server reads those of the whole namespace. A thousand claims that waited
 * for a node, each looked at every ten seconds, kept it so busy that a message waited 25 s to be seen (2 cores, 2026-11).
 */
export const eventReadsPerSecond = 5;

/** What carries out needs from outside. */
export interface Surroundings {
  kube: Pick<KubeClient, 'get' | 'list' | 'create' | 'apply' | 'patch' | 'patchStatus' | 'delete'>;
  now(): number;
  expect: { pods: ExpectationSink; claims: ExpectationSink };
  /** The connection to the agent of that workspace, where there is one. */
  agent(name: ObjectName): Pick<AgentConnection, 'client' | 'noteRecord' | 'note'> | undefined;
  /** The key that agentd of that workspace knows the operator by. */
  agentKey(workspace: AgentWorkspace): string;
  /** What leads out of that workspace, with its key. */
  egressProxy(workspace: AgentWorkspace): string;
  /** What the archives in that repository are encrypted with. */
  archivePassword(repository: string): string;
  /** How far an archive pod is; undefined where it does not answer. */
  archiveProgress(pod: Omit<AgentTarget, 'key'>): Promise<ArchiveProgress | undefined>;
  release: Release;
  record(object: KubeObject, note: EventNote): void;
  measure(what: 'wake' | 'sleep' | 'checkpoint', seconds: number): void;
  /** How many lists of events there may be: see {@link eventReadsPerSecond}. */
  eventReads: RateLimit;
  /** Namespaces and when their network policy was last applied (milliseconds). */
  policies: Map<string, number>;
}

/** What was decided rests on an older view of the cluster or of the agent: look again a little later. */
export class StaleError extends Error {
  override readonly name: string = 'StaleError';
}

/** What was decided cannot be done, and why is in memory now: look again at once. */
export class LearntError extends StaleError {
  override readonly name = 'LearntError';
}
