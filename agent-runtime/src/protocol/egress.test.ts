import { describe, expect, it } from 'vitest';
import { agentKey } from './agent-key.ts';
import { egressKey, egressProxy } from './egress.ts';

const workspace = { namespace: 'team', name: 'home', uid: 'uid-1' };

describe('the key that a workspace goes out by', () => {
  it('is another for each workspace, each master key and each life of a workspace', () => {
    const keys = [
      egressKey('master', workspace),
      egressKey('other', workspace),
      egressKey('master', { ...workspace, uid: 'uid-2' }),
      egressKey('master', { ...workspace, name: 'house' }),
      egressKey('master', { ...workspace, namespace: 'teams' }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is not the key of its agent', () => {
    expect(egressKey('master', workspace)).not.toBe(agentKey('master', workspace));
  });

  it('stands in the URL of the proxy', () => {
    const url = egressProxy('http://gateway.dormouse-system.svc:8083', 'master', workspace);
    expect(url).toBe(`http://team.home:${egressKey('master', workspace)}@gateway.dormouse-system.svc:8083`);
  });
});
