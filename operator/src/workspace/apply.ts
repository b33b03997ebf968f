import type { AgentWorkspace } from '@dormouse/crds';
import { workspaceFinalizer } from '@dormouse/crds';
import { resources } from '../kube/index.ts';
import type { Action } from './actions.ts';
import { applyToAgent, isAgentAction } from './apply-agent.ts';
import { applyToArchive, isArchiveAction } from './apply-archive.ts';
import { applyToOwned, isOwnedAction } from './apply-owned.ts';
import { applyToRecord, isRecordAction } from './apply-record.ts';
import { mergePatch } from './patch.ts';
import type { Memory, Snapshot } from './snapshot.ts';
import { StaleError, type Surroundings } from './surroundings.ts';
import type { Written } from './written.ts';

/** One plan being carried out. */
export interface Work {
  snapshot: Snapshot;
  memory: Memory;
  written: Written;
  /** The workspace as the last write of this plan left it. */
  workspace: AgentWorkspace | undefined;
  /** Whether the API server has confirmed, by a write of this plan, that the workspace is as it was seen. */
  confirmed: boolean;
}

/**
 * Carries out the steps of a plan in order. What is learnt goes into `memory`, what is written into `written`. The first
 * step that fails ends it: the rest may rest on it.
 */
export async function apply(
  steps: readonly Action[][],
  snapshot: Snapshot,
  { memory, written }: { memory: Memory; written: Written },
  around: Surroundings,
  signal: AbortSignal,
): Promise<void> {
  const work: Work = { snapshot, memory, written, workspace: snapshot.workspace, confirmed: false };
  for (const step of steps) {
    signal.throwIfAborted();
    const results = await Promise.allSettled(step.map((action) => applyOne(action, work, around)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}

async function applyOne(action: Action, work: Work, around: Surroundings): Promise<void> {
  if (isOwnedAction(action)) return applyToOwned(action, work, around);
  if (isArchiveAction(action)) return applyToArchive(action, work, around);
  if (isAgentAction(action)) return applyToAgent(action, work, around);
  if (isRecordAction(action)) return applyToRecord(action, work, around);
  const { memory, snapshot } = work;
  switch (action.do) {
    case 'addFinalizer':
    case 'removeFinalizer':
    case 'writeStatus':
    case 'deleteWorkspace':
      return writeWorkspace(action, work, around);
    case 'noteCheckpointFailure': {
      const at = around.now();
      memory.checkpointFailures += 1;
      memory.checkpointNotBefore = at + Math.min(600_000, 10_000 * 2 ** (memory.checkpointFailures - 1));
      memory.checkpointProblem = { reason: action.reason, message: action.message, at };
      return;
    }
    case 'notePodLoss': {
      const at = around.now();
      // Losses that lie far apart are not the same trouble.
      memory.podLosses = at - memory.podNotBefore > 600_000 ? 1 : memory.podLosses + 1;
      memory.podNotBefore =
        memory.podLosses === 1 ? at : at + Math.min(60_000, 1_000 * 2 ** (memory.podLosses - 2));
      return;
    }
    case 'event':
      if (work.workspace !== undefined)
        around.record(
          { ...work.workspace, apiVersion: 'dormouse.dev/v1alpha1', kind: 'AgentWorkspace' },
          action.note,
        );
      return;
    case 'measure':
      around.measure(action.what, action.seconds);
      return;
    default:
      throw new Error(`${snapshot.name.name}: nobody carries out ${action satisfies never}`);
  }
}

/** Every write of the workspace holds only where nobody wrote in between. */
async function writeWorkspace(
  action: Extract<Action, { do: 'addFinalizer' | 'removeFinalizer' | 'writeStatus' | 'deleteWorkspace' }>,
  work: Work,
  { kube, now, policies }: Surroundings,
): Promise<void> {
  const { workspace, memory, written, snapshot } = work;
  if (workspace === undefined) throw new StaleError('the workspace is gone');
  const { uid, resourceVersion, finalizers = [] } = workspace.metadata;
  const unchanged = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  const keep = (after: AgentWorkspace) => {
    work.workspace = after;
    work.confirmed = true;
    written.noteWorkspace(after);
  };
  switch (action.do) {
    case 'addFinalizer': {
      const metadata = { finalizers: [...finalizers, workspaceFinalizer] };
      return keep(await kube.patch(resources.workspaces, snapshot.name, { metadata }, unchanged));
    }
    case 'removeFinalizer': {
      const metadata = { finalizers: finalizers.filter((each) => each !== workspaceFinalizer) };
      // A namespace goes with the last of its workspaces, and one that is made under its name has no policy yet.
      policies.delete(snapshot.name.namespace);
      return keep(await kube.patch(resources.workspaces, snapshot.name, { metadata }, unchanged));
    }
    case 'writeStatus': {
      const status = mergePatch(workspace.status, action.status);
      if (Object.keys(status).length === 0) return;
      keep(await kube.patchStatus(resources.workspaces, snapshot.name, status, unchanged));
      memory.statusWrittenAt = now();
      return;
    }
    case 'deleteWorkspace':
      return kube.delete(resources.workspaces, snapshot.name, unchanged);
  }
}
