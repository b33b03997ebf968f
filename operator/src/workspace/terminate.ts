import { type AgentWorkspace, workspaceFinalizer, workspaceLabel } from '@dormouse/crds';
import { refuse, requested } from '../checkpoint/plan.ts';
import { expire, failed, waiting, writeMessage } from '../message/plan.ts';
import type { Action, Plan } from './actions.ts';
import { conditionsAfter } from './conditions.ts';
import { isOwnedBy } from './pod.ts';
import { isPending, isTerminal, situationOf } from './situation.ts';
import type { Snapshot } from './snapshot.ts';

/** The workspace is being deleted: end the pod, then the claim where it is not retained, then let go. */
export function planTermination(snapshot: Snapshot, workspace: AgentWorkspace): Plan {
  const { now, messages, checkpoints, claim, expected, name } = snapshot;
  const situation = situationOf(snapshot, workspace);
  const { podState, ownPod, status } = situation;
  if (!workspace.metadata.finalizers?.includes(workspaceFinalizer))
    return { steps: [], connectTo: undefined, deadline: undefined };

  const steps: Action[][] = [];
  if (status.phase !== 'Terminating') {
    const generation = workspace.metadata.generation ?? 1;
    steps.push([
      {
        do: 'writeStatus',
        status: {
          ...status,
          phase: 'Terminating',
          observedGeneration: generation,
          conditions: conditionsAfter(
            status.conditions ?? [],
            [
              { type: 'Ready', reason: 'Terminating' },
              { type: 'Asleep', reason: 'Terminating' },
            ],
            generation,
            now,
          ),
        },
      },
    ]);
  }
  const removals: Action[] = [];
  if (podState === 'alive' || podState === 'ended')
    removals.push({ do: 'deletePod', uid: ownPod?.metadata.uid ?? '' });
  else if (podState === 'expected') removals.push({ do: 'deletePod', uid: expected.pod?.uid ?? '' });
  for (const each of messages)
    if (!isTerminal(each) && each.metadata.deletionTimestamp === undefined)
      removals.push(
        ...writeMessage(
          each,
          failed(each, 'WorkspaceDeleted', `AgentWorkspace ${name.name} was deleted.`, now),
        ),
      );
  const archivePod = snapshot.archivePod;
  if (archivePod !== undefined && isOwnedBy(archivePod, situation.uid))
    removals.push({ do: 'deleteArchivePod', uid: archivePod.metadata.uid ?? '' });
  for (const { metadata } of checkpoints)
    if (metadata.deletionTimestamp === undefined)
      removals.push({ do: 'deleteCheckpoint', name: metadata.name, uid: metadata.uid ?? '' });
  if (removals.length > 0) steps.push(removals);

  if (podState === 'absent') {
    const foreign = claim !== undefined && claim.metadata.labels?.[workspaceLabel] !== name.name;
    // Also where no claim is known: a cache that lags behind may not show one that was made, so the server is asked.
    if (
      workspace.spec.storage.retain === 'Delete' &&
      !foreign &&
      claim?.metadata.deletionTimestamp === undefined
    )
      steps.push([
        {
          do: 'deleteClaim',
          ...(claim?.metadata.uid === undefined ? {} : { uid: claim.metadata.uid }),
        },
      ]);
    steps.push([{ do: 'removeFinalizer' }]);
  }
  return { steps, connectTo: undefined, deadline: podState === 'expected' ? now + 1_000 : undefined };
}

/**
 * Milliseconds after a claim was made in which its workspace may go although it has a finalizer: an API server that began to
 * delete it before it had one deletes it all the same, and says to both that all went well (Kubernetes 1.35.4: 182 of 361 ConfigMaps
 * that got a finalizer while they were being deleted).
 */
const overtaken = 60_000;

/** Messages and checkpoints that name a workspace which does not exist, and a claim that was made for one that went at that moment. */
export function planWithoutWorkspace({ messages, checkpoints, now, name, memory }: Snapshot): Plan {
  const text = `AgentWorkspace ${name.name} does not exist in namespace ${name.namespace}.`;
  const { actions, deadline } = expire(messages, now);
  for (const each of messages) {
    if (isTerminal(each) || each.metadata.deletionTimestamp !== undefined) continue;
    // What an agent already had went with its workspace; what none had yet can wait for one.
    actions.push(
      ...writeMessage(
        each,
        isPending(each)
          ? waiting(each, 'WorkspaceNotFound', `${text} The message is delivered when it does.`)
          : failed(each, 'WorkspaceDeleted', `AgentWorkspace ${name.name} was deleted.`, now),
      ),
    );
  }
  actions.push(...refuse(requested(checkpoints), 'WorkspaceNotFound', text));
  const { claimMade } = memory;
  if (claimMade !== undefined && now - claimMade.at < overtaken)
    actions.push({ do: 'deleteStrayClaim', uid: claimMade.uid });
  return { steps: actions.length === 0 ? [] : [actions], connectTo: undefined, deadline };
}
