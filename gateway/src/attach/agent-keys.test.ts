import { agentKey } from '@dormouse/agent-runtime/protocol';
import { describe, expect, it } from 'vitest';
import { AgentKeys } from './agent-keys.ts';

const master = Buffer.from('master');

describe('the keys of agents', () => {
  it('are those that the agents know, the first time and later, and of each life of a workspace its own', () => {
    const keys = new AgentKeys(master);
    const name = { namespace: 'team', name: 'home' };
    for (const uid of ['u1', 'u2', 'u1']) expect(keys.of(name, uid)).toBe(agentKey(master, { ...name, uid }));
  });

  it('are right also of more workspaces than are remembered', () => {
    const keys = new AgentKeys(master);
    for (let index = 0; index <= 10_001; index += 1) keys.of({ namespace: 'team', name: `w${index}` }, 'u');
    const first = { namespace: 'team', name: 'w0' };
    expect(keys.of(first, 'u')).toBe(agentKey(master, { ...first, uid: 'u' }));
  });
});
