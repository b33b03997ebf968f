import type { AgentWorkspace } from '@dormouse/crds';
import type { Pod } from '@dormouse/operator/kube';
import { describe, expect, it } from 'vitest';
import { standingOf } from './standing.ts';

function workspace(phase: string, changes: { metadata?: object; spec?: object } = {}): AgentWorkspace {
  return {
    metadata: { namespace: 'team', name: 'home', uid: 'w1', ...changes.metadata },
    spec: { runPolicy: 'Auto', ...changes.spec },
    status: {
      phase,
      podUID: 'p1',
      conditions: [{ type: 'Ready', status: 'False', reason: 'Because', message: 'of that' }],
    },
  } as unknown as AgentWorkspace;
}

function pod(changes: { metadata?: object; status?: object } = {}): Pod {
  const owner = { apiVersion: '', kind: 'AgentWorkspace', name: 'home', uid: 'w1', controller: true };
  return {
    metadata: { namespace: 'team', name: 'home', uid: 'p1', ownerReferences: [owner], ...changes.metadata },
    status: { podIP: '10.0.0.1', ...changes.status },
  };
}

const state = (...args: Parameters<typeof standingOf>) => standingOf(...args).state;

describe('where a workspace stands', () => {
  it('is its pod’s address while it runs', () => {
    expect(standingOf(workspace('Running'), pod())).toEqual({
      state: 'running',
      ip: '10.0.0.1',
      uid: 'w1',
      podUID: 'p1',
    });
  });

  it('is nowhere yet where the pod is another one, on its way out, without an address or somebody else’s', () => {
    const running = workspace('Running');
    expect(state(running, undefined)).toBe('waiting');
    expect(state(running, pod({ metadata: { uid: 'p2' } }))).toBe('waiting');
    expect(state(running, pod({ metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } }))).toBe('waiting');
    expect(state(running, pod({ status: { podIP: undefined } }))).toBe('waiting');
    expect(state(running, pod({ metadata: { ownerReferences: [] } }))).toBe('waiting');
  });

  it('is waiting while it sleeps, starts, or is about to sleep: with the reason that its status gives', () => {
    for (const phase of ['Pending', 'Starting', 'Checkpointing', 'Suspended'])
      expect(standingOf(workspace(phase), pod()), phase).toEqual({
        state: 'waiting',
        why: 'Because: of that',
      });
  });

  it('is stuck where waiting does not help', () => {
    expect(standingOf(workspace('Failed'), undefined)).toEqual({ state: 'stuck', why: 'Because: of that' });
    expect(
      state(workspace('Running', { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } }), pod()),
    ).toBe('stuck');
    const suspended = { spec: { runPolicy: 'Suspended' } };
    expect(state(workspace('Suspended', suspended), undefined)).toBe('stuck');
    expect(state(workspace('Running', suspended), pod())).toBe('running');
    expect(state(undefined, undefined)).toBe('missing');
  });
});
