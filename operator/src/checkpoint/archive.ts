import { archiveProgress, archiveRepository, archiveSecretEntries } from '@dormouse/agent-runtime/protocol';
import {
  type AgentCheckpoint,
  type AgentCheckpointStatus,
  type ArchiveReason,
  checkpointAnnotation,
  milliseconds,
  type WorkspacePhase,
} from '@dormouse/crds';
import type { Pod } from '../kube/index.ts';
import type { Action } from '../workspace/actions.ts';
import { diagnosePod } from '../workspace/diagnosis.ts';
import { instant } from '../workspace/instant.ts';
import { isOwnedBy } from '../workspace/pod.ts';
import { quantityValue } from '../workspace/quantity.ts';
import type { Situation } from '../workspace/situation.ts';
import { type ArchiveAt, buildArchivePod } from './archive-pod.ts';
import { requested, say } from './plan.ts';

type Archive = NonNullable<AgentCheckpointStatus['archive']>;

/** Milliseconds between two looks at how far an archive is. */
const lookEvery = 2_000;
/** Milliseconds that a pod whose time is over gets to say so. */
const grace = 30_000;

/** What is to be done for archives at one look. */
export interface ArchiveStep {
  /** Before a pod of the workspace is made: its volume must be free. */
  before: Action[];
  writes: Action[];
  after: Action[][];
  /** When to look again (milliseconds). */
  deadline?: number;
}

/** Whether somebody asked for an archive that waits for the next sleep. */
export function wantsArchive({ checkpoints, effective }: Situation): boolean {
  if (effective?.class.spec.archive === undefined) return false;
  return requested(checkpoints).some(({ spec }) => spec.archive === true && spec.trigger === 'Manual');
}

/**
 * Archives are made while the workspace sleeps, one at a time, each by a pod of its own. They never hold up a wake: the pod goes, and
 * what it had not done waits for the next sleep, where what is in the bucket already is not sent again.
 */
export function planArchive(situation: Situation, phase: WorkspacePhase): ArchiveStep {
  return phase === 'Suspended' ? whileAsleep(situation) : whileAwake(situation, phase);
}

function whileAwake(situation: Situation, phase: WorkspacePhase): ArchiveStep {
  const { checkpoints, runPolicy, name, effective } = situation;
  const writes = checkpoints.flatMap((each): Action[] => {
    const { metadata, spec, status } = each;
    if (spec.archive !== true || metadata.deletionTimestamp !== undefined) return [];
    if (status?.phase === 'Failed' || isOver(status?.archive)) return [];
    if (spec.trigger !== 'Manual') return interrupted(situation, each);
    if (status?.archive !== undefined)
      return [
        {
          do: 'writeCheckpoint',
          name: metadata.name,
          // What is archived at the next sleep is the next checkpoint.
          status: {
            phase: 'Pending',
            observedGeneration: 1,
            reason: 'WaitsForSleep',
            message: 'The workspace woke up before it was archived: that is done at the next sleep.',
          },
        },
      ];
    if (effective !== undefined && effective.class.spec.archive === undefined)
      return say(each, 'Failed', 'ArchiveNotConfigured', noBucket(effective.class.metadata.name));
    // Of one that cannot run, or never ran, that is said of every checkpoint.
    if (phase === 'Failed' || phase === 'Pending') return [];
    const always = runPolicy === 'Always';
    return say(
      each,
      'Pending',
      'WaitsForSleep',
      always
        ? `It is archived when the workspace sleeps. spec.runPolicy of AgentWorkspace ${name.name} is Always: set it to Auto or to Suspended.`
        : 'It is archived when the workspace sleeps, which is as soon as it is idle.',
    );
  });
  return { before: removal(situation), writes, after: [] };
}

/** Of a sleep that is over. The one that begins has not come to its archive yet. */
function interrupted(
  { status: { checkpointing }, now }: Situation,
  { metadata, status }: AgentCheckpoint,
): Action[] {
  if (status?.archive === undefined || metadata.name === checkpointing?.name) return [];
  const archive: Archive = {
    ...status.archive,
    phase: 'Failed',
    completedAt: instant(now),
    reason: 'Interrupted' satisfies ArchiveReason,
    message: 'The workspace woke up before it was archived.',
  };
  return [{ do: 'writeCheckpoint', name: metadata.name, status: { ...status, archive } }];
}

function whileAsleep(situation: Situation): ArchiveStep {
  const { checkpoints, archivePod, expected, uid, now, effective, memory, workspace, settings } = situation;
  const pod = archivePod !== undefined && isOwnedBy(archivePod, uid) ? archivePod : undefined;
  const current = checkpoints
    .filter(
      ({ metadata, spec, status }) =>
        metadata.deletionTimestamp === undefined &&
        (spec.archive === true || spec.rewindTo !== undefined) &&
        status?.phase === 'Completed' &&
        status.archive !== undefined &&
        !isOver(status.archive),
    )
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))[0];
  const nothing: ArchiveStep = { before: [], writes: [], after: [] };
  if (current === undefined) return { ...nothing, writes: removal(situation) };
  const { name } = current.metadata;
  const write = (archive: Archive): Action[] => [
    { do: 'writeCheckpoint', name, status: { ...current.status, archive } },
  ];
  const archive = current.status?.archive ?? { phase: 'Pending' };
  const fail = (reason: ArchiveReason, message: string): ArchiveStep => ({
    ...nothing,
    writes: write({ ...archive, phase: 'Failed', completedAt: instant(now), reason, message }),
  });
  // Of another checkpoint, or on its way out.
  if (pod !== undefined && pod.metadata.annotations?.[checkpointAnnotation] !== name)
    return { ...nothing, writes: removal(situation) };
  if (pod?.metadata.deletionTimestamp !== undefined) return nothing;
  // A write that the cache does not show yet.
  if (expected.archivePod?.verb === 'create' || (expected.archivePod !== undefined && pod !== undefined))
    return { ...nothing, deadline: now + lookEvery };
  const settled = effective?.class.spec.archive;
  if (effective === undefined || settled === undefined)
    return fail(
      'NotConfigured',
      effective === undefined
        ? 'The class of the workspace is missing.'
        : noBucket(effective.class.metadata.name),
    );
  if (memory.archiveProblem?.checkpoint === name) return fail('PodRefused', memory.archiveProblem.message);
  const timeout = milliseconds(settled.timeout);
  const begun = archive.phase === 'InProgress' ? Date.parse(archive.startedAt ?? '') : now;
  const over = `It was not complete after ${settled.timeout} (spec.archive.timeout of AgentWorkspaceClass ${effective.class.metadata.name})${archive.message === undefined ? '.' : `: ${archive.message}`}`;
  if (pod === undefined && now - begun > timeout) return fail('TimedOut', over);
  if (pod === undefined) {
    const repository = archiveRepository(workspace.metadata);
    const keep = [
      ...checkpoints.flatMap(({ status }) => Object.values(status?.archive?.snapshots ?? {})),
      ...Object.values(situation.status.rewind?.to.archive?.snapshots ?? {}),
    ];
    const { volume } = settled;
    const at: ArchiveAt =
      volume === undefined
        ? {
            place: 'Bucket',
            gatewayHost: settings.gatewayHost,
            repository,
            entry: archiveSecretEntries.own,
          }
        : { place: 'Volume', quota: quantityValue(volume.quota) };
    const made = buildArchivePod(workspace, effective, { checkpoint: name, at, keep, timeout });
    const secret: Action[] = at.place === 'Bucket' ? [{ do: 'applyArchiveSecret', checkpoint: name }] : [];
    const startedAt = archive.phase === 'InProgress' ? archive.startedAt : instant(now);
    return {
      ...nothing,
      writes:
        archive.phase === 'InProgress'
          ? []
          : write({
              phase: 'InProgress',
              place: at.place,
              ...(at.place === 'Bucket' ? { repository } : {}),
              ...(startedAt === undefined ? {} : { startedAt }),
            }),
      after: [
        [{ do: 'ensureArchivePolicy' }, ...secret],
        [{ do: 'createArchivePod', pod: made, checkpoint: name }],
      ],
    };
  }
  const podPhase = pod.status?.phase;
  if (podPhase === 'Succeeded' || podPhase === 'Failed') {
    const parts = resultsOf(pod);
    if (podPhase === 'Failed')
      return pod.status?.reason === 'DeadlineExceeded'
        ? fail('TimedOut', over)
        : fail(
            'ArchiveFailed',
            parts.find((each) => each.snapshot === undefined)?.problem ??
              `Pod ${pod.metadata.name} ended (${pod.status?.reason ?? 'no more is known'}).`,
          );
    const [state, home] = (['state', 'home'] as const).map((part) =>
      parts.find((each) => each.part === part),
    );
    if (state?.snapshot === undefined || home?.snapshot === undefined)
      return fail('ArchiveFailed', `Pod ${pod.metadata.name} ended without saying what it made.`);
    const message = home.problem ?? state.problem;
    return {
      ...nothing,
      writes: write({
        phase: 'Completed',
        ...(archive.place === undefined ? {} : { place: archive.place }),
        ...(archive.repository === undefined ? {} : { repository: archive.repository }),
        snapshots: { state: state.snapshot, home: home.snapshot },
        bytes: state.bytes + home.bytes,
        files: state.files + home.files,
        addedBytes: state.addedBytes + home.addedBytes,
        percent: 100,
        ...(archive.startedAt === undefined ? {} : { startedAt: archive.startedAt }),
        completedAt: instant(now),
        ...(message === undefined ? {} : { message }),
      }),
    };
  }
  if (now - begun > timeout + grace) return { ...fail('TimedOut', over), after: [removal(situation)] };
  return { ...nothing, ...followed(situation, pod, archive, write) };
}

/** How far it is: asked for every few seconds, and written where it moved. */
function followed(
  { memory, now }: Situation,
  pod: Pod,
  archive: Archive,
  write: (archive: Archive) => Action[],
): Partial<ArchiveStep> {
  const { uid = '' } = pod.metadata;
  const ip = pod.status?.podIP;
  const known = memory.archiveProgress?.podUID === uid ? memory.archiveProgress : undefined;
  // What is remembered can be lost at any moment; what was said then stays.
  const told = known === undefined ? archive.message : known.progress?.problem;
  const hindered = diagnosePod(pod, '').finding.message ?? told;
  // What the agent keeps is little, and is not counted here.
  const home = known?.progress?.part === 'home' ? known.progress : undefined;
  const { message: _before, ...rest } = archive;
  const next: Archive = {
    ...rest,
    ...(home === undefined
      ? {}
      : { percent: Math.floor(home.percent), bytes: home.bytes, files: home.files }),
    ...(hindered === undefined ? {} : { message: hindered }),
  };
  const moved = next.percent !== archive.percent || next.message !== archive.message;
  const due = (known?.at ?? 0) + lookEvery;
  const asks = ip !== undefined && ip !== '' && due <= now;
  return {
    writes: moved ? write(next) : [],
    after: asks ? [[{ do: 'readArchiveProgress', podUID: uid, podName: pod.metadata.name, ip }]] : [],
    deadline: asks ? now : Math.max(due, now + lookEvery / 4),
  };
}

function noBucket(className: string): string {
  return `AgentWorkspaceClass ${className} names no bucket: set spec.archive, then ask again.`;
}

function isOver(archive: Archive | undefined): boolean {
  return archive?.phase === 'Completed' || archive?.phase === 'Failed';
}

/** What a rewind waits for comes first, then the oldest. */
function order({ metadata, spec }: AgentCheckpoint): string {
  return `${spec.rewindTo === undefined ? 1 : 0} ${metadata.creationTimestamp} ${metadata.name}`;
}

/** Of the pod that is there, or that was made and is not seen yet. */
function removal({ archivePod, expected, uid }: Situation): Action[] {
  const made = expected.archivePod;
  if (made?.verb === 'create') return [{ do: 'deleteArchivePod', uid: made.uid }];
  const gone = made?.verb === 'delete' && made.uid === archivePod?.metadata.uid;
  if (archivePod === undefined || gone || archivePod.metadata.deletionTimestamp !== undefined) return [];
  return isOwnedBy(archivePod, uid) ? [{ do: 'deleteArchivePod', uid: archivePod.metadata.uid ?? '' }] : [];
}

/** What the containers of an archive pod said at their end. */
function resultsOf({ status }: Pod) {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].flatMap(
    ({ state }) => {
      try {
        const read = archiveProgress.safeParse(JSON.parse(state?.terminated?.message ?? ''));
        return read.success ? [read.data] : [];
      } catch {
        return [];
      }
    },
  );
}
