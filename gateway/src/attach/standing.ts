import type { AgentWorkspace } from '@dormouse/crds';
import type { Pod } from '@dormouse/operator/kube';

/** What the gateway knows of a workspace: enough to reach it, or to say why it cannot. */
export type Standing =
  /** The API server knows no such workspace, as far as the cache says. */
  | { state: 'missing' }
  /** It takes requests at this address. `uid` is the workspace's. */
  | { state: 'running'; ip: string; uid: string; podUID: string }
  /** It does not run, and waiting helps: it sleeps, wakes up, or is about to fall asleep. */
  | { state: 'waiting'; why: string }
  /** It does not run, and waiting does not help. */
  | { state: 'stuck'; why: string };

/** Where a workspace stands, from the cached objects. */
export function standingOf(workspace: AgentWorkspace | undefined, pod: Pod | undefined): Standing {
  if (workspace === undefined) return { state: 'missing' };
  const { metadata, spec, status } = workspace;
  const ready = status?.conditions?.find((each) => each.type === 'Ready');
  const why =
    ready === undefined ? 'It has no status yet.' : `${ready.reason}: ${ready.message || 'no message'}`;
  if (metadata.deletionTimestamp !== undefined) return { state: 'stuck', why: 'It is being deleted.' };
  if (status?.phase === 'Failed') return { state: 'stuck', why };
  const uid = metadata.uid ?? '';
  const podUID = pod?.metadata.uid;
  const ip = pod?.status?.podIP;
  const own = pod?.metadata.ownerReferences?.some((each) => each.controller === true && each.uid === uid);
  const alive =
    own === true &&
    pod?.metadata.deletionTimestamp === undefined &&
    podUID === status?.podUID &&
    podUID !== undefined &&
    ip !== undefined;
  if (status?.phase === 'Running' && alive) return { state: 'running', ip, uid, podUID };
  if (spec.runPolicy === 'Suspended' && status?.phase !== 'Running')
    return { state: 'stuck', why: 'spec.runPolicy is Suspended, so nothing wakes it. Set it to Auto.' };
  return { state: 'waiting', why };
}
