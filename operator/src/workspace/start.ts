import { archiveSecretEntries } from '@dormouse/agent-runtime/protocol';
import { workspaceFinalizer } from '@dormouse/crds';
import { type ArchiveAt, type ArchiveSource, restoring } from '../checkpoint/archive-pod.ts';
import type { Action } from './actions.ts';
import { buildClaim } from './claim.ts';
import type { Finding } from './conditions.ts';
import type { Decision } from './decision.ts';
import { claimEventsDue, diagnoseClaim, diagnosePod, mayLackVolume } from './diagnosis.ts';
import { importedSnapshot } from './fork.ts';
import { instant } from './instant.ts';
import { buildPod } from './pod.ts';
import { hadFiles, outdated, type Situation, wantedConfig } from './situation.ts';

/** Milliseconds after which something that the API server refused is tried again. */
const retryRefused = 15_000;

const noClass: Pick<Decision, 'ready' | 'asleep'> = {
  ready: { reason: 'ClassNotResolved' },
  asleep: { reason: 'Blocked' },
};

/** What the class, or its absence, comes to. */
export function classFinding(situation: Situation): Finding {
  const { effective, class: lookup } = situation;
  if (effective !== undefined) {
    return effective.clamped.length === 0
      ? { type: 'ClassResolved', reason: 'Resolved' }
      : { type: 'ClassResolved', reason: 'Clamped', message: `${effective.clamped.join('; ')}.` };
  }
  const missing = lookup.found === undefined ? lookup.missing : undefined;
  return missing === undefined
    ? { type: 'ClassResolved', reason: 'NoDefaultClass' }
    : {
        type: 'ClassResolved',
        reason: 'ClassNotFound',
        message: `AgentWorkspaceClass ${missing} does not exist. Create it, or name another in spec.classRef.`,
      };
}

/** Stops at the first thing that only a person can mend; keeps what says that the workspace slept well. */
function blocked(
  situation: Situation,
  ready: Decision['ready'],
  findings: Finding[],
  rest: Partial<Decision> = {},
): Decision {
  const lost = situation.podState === 'absent' && !situation.asleep;
  return {
    phase: 'Failed',
    ready,
    asleep: { reason: 'Blocked' },
    findings,
    changes: lost ? { podUID: undefined, checkpointing: undefined } : {},
    ...rest,
  };
}

/**
 * There is no pod and there is to be one. Before anything is created something is written that holds only where nobody wrote in
 * between: whoever acts on an older view of the workspace fails there, and makes no pod. That is the status, `Starting`; of a
 * workspace that is new it is the finalizer, and the status follows when there is more to say.
 */
export function start(situation: Situation, changes: Decision['changes'] = {}): Decision {
  const { status, memory, now, effective, name, workspace, settings, claim, beginning } = situation;
  const findings: Finding[] = [classFinding(situation)];
  const config = wantedConfig(situation);
  if (effective === undefined || config === undefined) return blocked(situation, noClass.ready, findings);
  if (beginning.with === 'waiting' || beginning.with === 'unusable') {
    const { message } = beginning;
    const waiting = beginning.with === 'waiting';
    findings.push({ type: 'StorageReady', reason: waiting ? 'SourceNotReady' : 'SourceUnusable', message });
    return blocked(
      situation,
      { reason: 'StorageNotReady', message },
      findings,
      waiting ? { phase: 'Pending', asleep: { reason: 'Starting' } } : {},
    );
  }
  const forkedFrom = beginning.with === 'snapshot' ? beginning.from : undefined;

  const storage = diagnoseClaim(situation, hadFiles(situation), effective.storageSize);
  findings.push(storage.finding);
  const claimRetry = memory.claimProblem === undefined ? 0 : memory.claimProblem.at + retryRefused;
  const retryClaim =
    claim === undefined &&
    (storage.finding.reason === 'ClaimRefused' || storage.finding.reason === 'ClaimConflict') &&
    now >= claimRetry;
  if (storage.blocked && storage.finding.reason !== 'ProvisioningFailed' && !retryClaim) {
    return blocked(
      situation,
      { reason: 'StorageNotReady', message: storage.finding.message ?? '' },
      findings,
      { deadlines: claim === undefined && memory.claimProblem !== undefined ? [claimRetry] : [] },
    );
  }
  const { podProblem } = memory;
  if (podProblem !== undefined && now < podProblem.at + retryRefused) {
    const { reason, message } = podProblem;
    findings.push({ type: 'PodRunning', reason, message });
    return blocked(situation, { reason: 'PodNotRunning', message }, findings, {
      deadlines: [podProblem.at + retryRefused],
    });
  }

  const fresh = status.phase !== 'Starting' && status.phase !== 'Failed';
  const lost = status.phase === 'Running' || status.phase === 'Checkpointing';
  const slept = changes.checkpoint !== undefined;
  findings.push(
    lost && !slept ? { type: 'PodRunning', reason: 'PodLost' } : { type: 'PodRunning', reason: 'Starting' },
  );
  const wait = memory.podNotBefore > now;
  const fill = fillingOf(situation, forkedFrom);
  const first = fill && restoring(workspace, effective, fill.at, fill.archive);
  const pod: Action = { do: 'createPod', pod: buildPod(workspace, effective, first) };
  const secret: Action = { do: 'applySecret', config };
  const rewinding = status.rewind?.phase === 'Restoring';
  const haveClaim = claim !== undefined || situation.expected.claim?.verb === 'create';
  const elsewhere = forkedFrom?.namespace !== undefined && !rewinding;
  const ofOrigin = elsewhere ? importedSnapshot(workspace) : forkedFrom?.volumeSnapshot;
  const filesFrom = rewinding ? status.rewind?.to.volumeSnapshot : ofOrigin;
  const imports: Action[] = elsewhere && !haveClaim ? [{ do: 'importSnapshot', from: forkedFrom }] : [];
  const newClaim: Action[] = haveClaim
    ? []
    : [
        {
          do: 'createClaim',
          claim: buildClaim(workspace, effective, settings.accessMode, filesFrom),
        },
      ];
  // The pod comes last: it must run under the policy, find each entry of the Secret that its environment names (the kubelet would
  // refuse the container for a while), and never mount a claim that turns out to be somebody else's.
  const password: Action[] =
    fill?.at.place !== 'Bucket' || fill.archive.passwordSecretRef !== undefined
      ? []
      : [{ do: 'applyArchiveSecret', source: fill.at.repository }];
  const creates: Action[][] = [
    imports,
    [{ do: 'ensureNetworkPolicy' }, secret, ...password, ...newClaim],
    [pod],
  ];
  const refused = podProblem !== undefined || retryClaim;
  // Of a fork the status comes first: what its volume is made from must be known when its agent starts on it.
  const isNew =
    status.phase === undefined &&
    forkedFrom === undefined &&
    !workspace.metadata.finalizers?.includes(workspaceFinalizer);
  return {
    // A retry of what was refused says nothing new until it succeeds.
    phase: refused ? 'Failed' : 'Starting',
    ready: refused
      ? {
          reason: retryClaim ? 'StorageNotReady' : 'PodNotRunning',
          message: podProblem?.message ?? storage.finding.message ?? '',
        }
      : { reason: 'Starting' },
    asleep: { reason: refused ? 'Blocked' : 'Starting' },
    findings:
      podProblem === undefined
        ? findings
        : [
            ...findings.slice(0, -1),
            { type: 'PodRunning', reason: podProblem.reason, message: podProblem.message },
          ],
    changes: {
      ...(fresh || status.startedAt === undefined ? { startedAt: instant(now) } : {}),
      podUID: undefined,
      suspendedSince: undefined,
      checkpointing: undefined,
      idleSince: undefined,
      ...(forkedFrom === undefined ? {} : { forkedFrom }),
      ...changes,
    },
    unhurried: isNew,
    before: isNew
      ? creates
      : lost && !slept
        ? [
            [
              {
                do: 'event',
                note: {
                  type: 'Warning',
                  reason: 'PodLost',
                  message: `Pod ${name.name} is gone without a checkpoint. Another one is made; files and sessions are on the volume.`,
                },
              },
              { do: 'notePodLoss' },
            ],
          ]
        : [],
    after: wait || isNew ? [] : creates,
    deadlines: [wait ? memory.podNotBefore : undefined],
  };
}

/** The archive that the pod fills the volume from before anything else: of a rewind, or of a fork that is new. */
function fillingOf(
  { status, settings: { gatewayHost } }: Situation,
  forkedFrom: NonNullable<Situation['status']['forkedFrom']> | undefined,
): { at: ArchiveAt; archive: Pick<ArchiveSource, 'snapshots' | 'passwordSecretRef'> } | undefined {
  const inBucket = (repository: string): ArchiveAt => ({
    ...{ place: 'Bucket', gatewayHost, repository, entry: archiveSecretEntries.source },
  });
  const { rewind } = status;
  if (rewind?.phase === 'Restoring') {
    const { archive } = rewind.to;
    if (archive === undefined) return undefined;
    if (archive.place === 'Bucket') return { archive, at: inBucket(archive.repository ?? '') };
    const previous = rewind.previousClaim;
    return { archive, at: { place: 'Volume', ...(previous === undefined ? {} : { previous }) } };
  }
  const archive = forkedFrom?.archive;
  return archive?.restored === false ? { archive, at: inBucket(archive.repository) } : undefined;
}

/** There is a pod, or one was asked for, and its agent has not answered yet. */
export function starting(situation: Situation): Decision {
  const { ownPod, podState, status, memory, now, name, claim, effective, runtime } = situation;
  const findings: Finding[] = [classFinding(situation)];
  const storage = diagnoseClaim(situation, hadFiles(situation), effective?.storageSize);
  findings.push(storage.finding);
  const isNew = status.phase === undefined;
  const common: Decision = {
    phase: 'Starting',
    ready: { reason: 'Starting' },
    asleep: { reason: 'Starting' },
    findings,
    changes: {
      ...(status.startedAt === undefined || situation.asleep
        ? { startedAt: instant(isNew ? (memory.podCreatedAt ?? now) : now) }
        : {}),
      suspendedSince: undefined,
      checkpointing: undefined,
      idleSince: undefined,
    },
    // Who did not create it does not know how long there was nothing to say.
    unhurried: isNew && memory.podCreatedAt !== undefined,
  };
  if (podState !== 'alive' || ownPod === undefined) {
    findings.push({ type: 'PodRunning', reason: 'Starting' });
    return common;
  }
  const pod = diagnosePod(ownPod, effective?.class.metadata.name ?? '');
  findings.push(pod.finding);
  if (pod.finding.reason !== 'Starting') common.unhurried = false;

  // Nothing runs in this pod, so nothing is lost with it: a mended class takes effect at once.
  const difference = outdated(situation);
  if (difference.length > 0 && (status.podUID !== ownPod.metadata.uid || pod.blocked))
    return { ...common, after: [[{ do: 'deletePod', uid: ownPod.metadata.uid ?? '' }]] };

  if (pod.blocked)
    return {
      ...common,
      phase: 'Failed',
      ready: { reason: 'PodNotRunning', message: pod.finding.message ?? '' },
      asleep: { reason: 'Blocked' },
    };
  const eventsDue =
    claim === undefined || !mayLackVolume(pod.finding)
      ? undefined
      : claimEventsDue(claim, memory.claimEvents);
  const readEvents: Action[][] =
    claim !== undefined && eventsDue !== undefined && eventsDue <= now
      ? [[{ do: 'readClaimEvents', uid: claim.metadata.uid ?? '' }]]
      : [];
  if (storage.blocked)
    return {
      ...common,
      phase: 'Failed',
      ready: { reason: 'StorageNotReady', message: storage.finding.message ?? '' },
      asleep: { reason: 'Blocked' },
      after: readEvents,
      deadlines: [eventsDue],
    };
  const containersRun = pod.finding.reason === 'ContainersRunning';
  const silent =
    containersRun && !runtime.connected && runtime.problem !== undefined && now - runtime.since > 10_000;
  return {
    ...common,
    ...(silent
      ? {
          ready: {
            reason: 'AgentUnreachable' as const,
            message: `The pod runs, the agent does not answer at ${ownPod.status?.podIP ?? name.name}:7070 (${runtime.problem}).`,
          },
        }
      : {}),
    after: readEvents,
    deadlines: [eventsDue, containersRun && !silent ? runtime.since + 10_001 : undefined],
  };
}

/** The pod is being deleted, or ended for good. The next one is made when the object of this one is gone. */
export function leaving(situation: Situation): Decision {
  const { ownPod, podState, status, now, name } = situation;
  const ended = podState === 'ended';
  const reason = ownPod?.status?.reason;
  const removal: Action[][] = ended ? [[{ do: 'deletePod', uid: ownPod?.metadata.uid ?? '' }]] : [];
  if (status.phase === 'Checkpointing') {
    return {
      phase: 'Checkpointing',
      ready: { reason: 'Checkpointing' },
      asleep: { reason: 'Checkpointing' },
      after: removal,
    };
  }
  // A pod on a node that is gone stays until the node is known to be off: whether its containers still write to the
  // volume cannot be seen from here, so it is not forced.
  const since = Date.parse(ownPod?.metadata.deletionTimestamp ?? '');
  const stuck = podState === 'going' && now - since > 60_000;
  const message = stuck
    ? `Pod ${name.name} does not end: node ${ownPod?.spec?.nodeName ?? 'unknown'} may be lost. If it is off for good, delete the Node, or taint it node.kubernetes.io/out-of-service=nodeshutdown:NoExecute.`
    : ended
      ? `Pod ${name.name} ended (${reason ?? ownPod?.status?.phase}): ${ownPod?.status?.message ?? 'no more is known'}. Another one is made.`
      : `Pod ${name.name} is being deleted. Another one is made when it is gone.`;
  const wasUp = status.phase === 'Running';
  return {
    phase: 'Starting',
    ready: { reason: 'PodNotRunning', message },
    asleep: { reason: 'Starting' },
    findings: [{ type: 'PodRunning', reason: 'PodLost', message }],
    changes: {
      ...(wasUp || status.startedAt === undefined || situation.asleep ? { startedAt: instant(now) } : {}),
      podUID: undefined,
      idleSince: undefined,
      suspendedSince: undefined,
    },
    before: wasUp
      ? [[{ do: 'event', note: { type: 'Warning', reason: 'PodLost', message } }, { do: 'notePodLoss' }]]
      : [],
    after: removal,
    deadlines: [podState === 'going' && !stuck && !Number.isNaN(since) ? since + 60_001 : undefined],
  };
}
