import { archiveProgress } from '@dormouse/agent-runtime/protocol';
import { workspaceLabel } from '@dormouse/crds';
import type { PersistentVolumeClaim, Pod } from '../kube/index.ts';
import { growth } from './claim.ts';
import type { Finding } from './conditions.ts';
import { millisecondsAt } from './instant.ts';
import type { Snapshot } from './snapshot.ts';

/** What stands in the way, and whether a person has to do something about it. */
export interface Diagnosis<Type extends Finding['type']> {
  finding: Extract<Finding, { type: Type }>;
  blocked: boolean;
}

const imageReasons = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);

/** What the archiver said when it gave up. */
function problemOf(message: string | undefined): string | undefined {
  try {
    return archiveProgress.safeParse(JSON.parse(message ?? '')).data?.problem;
  } catch {
    return undefined;
  }
}

/** How a pod does, from its status alone. */
export function diagnosePod(pod: Pod, className: string): Diagnosis<'PodRunning'> {
  const containers = pod.status?.containerStatuses ?? [];
  for (const { name, image, state, lastState, restartCount } of [
    ...(pod.status?.initContainerStatuses ?? []),
    ...containers,
  ]) {
    const waiting = state?.waiting;
    if (waiting?.reason === undefined) continue;
    if (imageReasons.has(waiting.reason)) {
      const message = `The image ${image} of container ${name} cannot be pulled (${waiting.reason}): ${waiting.message ?? 'no more is known'}. It is spec.images.${name} of AgentWorkspaceClass ${className}.`;
      return { finding: { type: 'PodRunning', reason: 'ImagePullFailed', message }, blocked: true };
    }
    if (waiting.reason === 'CrashLoopBackOff') {
      const ended = lastState?.terminated;
      const said = problemOf(ended?.message);
      if (said !== undefined)
        return {
          finding: {
            type: 'PodRunning',
            reason: 'CrashLooping',
            message: `The archive cannot be restored: ${said}`,
          },
          blocked: true,
        };
      const message = `Container ${name} ended ${restartCount} times, last with ${ended?.reason ?? 'an error'} (exit code ${ended?.exitCode ?? 'unknown'}). Look at: kubectl logs ${pod.metadata.name} -c ${name} --previous`;
      return { finding: { type: 'PodRunning', reason: 'CrashLooping', message }, blocked: true };
    }
    if (waiting.reason !== 'ContainerCreating' && waiting.reason !== 'PodInitializing') {
      const message = `Container ${name} waits (${waiting.reason}): ${waiting.message ?? 'no more is known'}`;
      return { finding: { type: 'PodRunning', reason: 'Starting', message }, blocked: false };
    }
  }
  const scheduled = pod.status?.conditions?.find((each) => each.type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    const message = `No node takes pod ${pod.metadata.name}: ${scheduled.message ?? 'no more is known'}`;
    return { finding: { type: 'PodRunning', reason: 'Unschedulable', message }, blocked: false };
  }
  const running = containers.length > 0 && containers.every((each) => each.state?.running !== undefined);
  return {
    finding: { type: 'PodRunning', reason: running ? 'ContainersRunning' : 'Starting' },
    blocked: false,
  };
}

/**
 * Whether a pod that does not run may be waiting for its volume. Where no node takes it for another reason nobody has tried to
 * make one, and the events of the claim say no more than that.
 */
export function mayLackVolume({ reason, message }: Finding): boolean {
  return reason !== 'Unschedulable' || /volume|storage/i.test(message ?? '');
}

/** Milliseconds after which a claim without a volume is asked for its events; and after which again, doubled each time. */
const claimPatience = { first: 5_000, again: 10_000, longest: 300_000 };

/** When the events of a claim that has no volume are worth reading (milliseconds since the epoch). */
export function claimEventsDue(
  claim: PersistentVolumeClaim,
  last: Snapshot['memory']['claimEvents'],
): number | undefined {
  if (claim.status?.phase !== 'Pending') return undefined;
  if (last === undefined)
    return (millisecondsAt(claim.metadata.creationTimestamp) ?? 0) + claimPatience.first;
  return last.at + Math.min(claimPatience.longest, claimPatience.again * 2 ** (last.times - 1));
}

/** How the claim does. `hadFiles`: the workspace has run, so that a missing claim means lost files. */
export function diagnoseClaim(
  { claim, expected, memory, name }: Pick<Snapshot, 'claim' | 'expected' | 'memory' | 'name'>,
  hadFiles: boolean,
  wantedSize: string | undefined,
): Diagnosis<'StorageReady'> {
  const lost = (message: string): Diagnosis<'StorageReady'> => ({
    finding: { type: 'StorageReady', reason: 'ClaimLost', message },
    blocked: true,
  });
  if (claim === undefined) {
    if (memory.claimProblem !== undefined && memory.claimProblem.reason !== 'ProvisioningFailed') {
      const { reason, message } = memory.claimProblem;
      return { finding: { type: 'StorageReady', reason, message }, blocked: true };
    }
    if (hadFiles && expected.claim?.verb !== 'create')
      return lost(
        `PersistentVolumeClaim ${name.name} is gone, and the files of the workspace with it. Bring the claim back under that name with the label ${workspaceLabel}=${name.name}, or delete the workspace.`,
      );
    return { finding: { type: 'StorageReady', reason: 'ClaimPending' }, blocked: false };
  }
  if (claim.metadata.labels?.[workspaceLabel] !== name.name) {
    const message = `PersistentVolumeClaim ${name.name} exists and belongs to something else. Delete or rename that claim, or rename the workspace.`;
    return { finding: { type: 'StorageReady', reason: 'ClaimConflict', message }, blocked: true };
  }
  if (claim.metadata.deletionTimestamp !== undefined)
    return lost(`PersistentVolumeClaim ${name.name} is being deleted.`);
  if (claim.status?.phase === 'Lost')
    return lost(`The volume of PersistentVolumeClaim ${name.name} is gone.`);
  if (claim.status?.phase === 'Bound') {
    const growing = wantedSize !== undefined && growth(claim, wantedSize) !== undefined;
    const refused = growing ? memory.growthRefused?.message : undefined;
    return {
      finding: {
        type: 'StorageReady',
        reason: growing ? 'Resizing' : 'Bound',
        ...(refused === undefined ? {} : { message: refused }),
      },
      blocked: false,
    };
  }
  if (memory.claimProblem?.reason === 'ProvisioningFailed') {
    const { reason, message } = memory.claimProblem;
    return { finding: { type: 'StorageReady', reason, message }, blocked: true };
  }
  const from = claim.spec?.storageClassName;
  const message = `PersistentVolumeClaim ${name.name} waits for a volume${from === undefined ? '' : ` from StorageClass ${from}`}. If it stays so: kubectl describe pvc ${name.name}`;
  return { finding: { type: 'StorageReady', reason: 'ClaimPending', message }, blocked: false };
}
