import type { RuntimeState } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspaceClass } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { modelProblem } from './model-problem.ts';

const standard = {
  metadata: { name: 'standard' },
  spec: { model: { baseUrl: 'https://api.example', secretRef: { name: 'provider', key: 'api-key' } } },
} as AgentWorkspaceClass;
const problem = (more: Partial<NonNullable<RuntimeState['modelProblem']>>) => ({
  reason: 'Unauthorized' as const,
  status: 401,
  message: 'invalid key',
  from: 'provider' as const,
  since: '2026-11-23T10:00:00Z',
  ...more,
});

describe('what is said of a model that does not answer', () => {
  it('names the Secret and the class where the provider refuses the key', () => {
    expect(modelProblem(problem({}), standard)).toBe(
      'https://api.example answered 401: invalid key. The credential is in Secret provider, named by AgentWorkspaceClass standard.',
    );
  });

  it('is what the gateway says, where it knows by itself what to mend', () => {
    const message = 'There is no Secret dormouse-system/provider with the key api-key: create it.';
    expect(modelProblem(problem({ from: 'gateway', message }), standard)).toBe(message);
  });

  it('is no talk of keys where the trouble is another one, and works without a class', () => {
    expect(modelProblem(problem({ reason: 'Overloaded', status: 529, message: 'busy' }), standard)).toBe(
      'https://api.example answered 529: busy',
    );
    expect(modelProblem(problem({}), undefined, 'gone')).toContain('AgentWorkspaceClass gone');
  });
});
