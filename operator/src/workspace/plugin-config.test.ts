import type { AgentWorkspace } from '@dormouse/crds';
import { expect, it } from 'vitest';
import { pluginsOf } from './plugin-config.ts';

it('tells agentd where plugins come from and which the gateway fetches, and nothing of Secrets', () => {
  const commit = '1'.repeat(40);
  const headersFrom = [{ name: 'Authorization', secretKeyRef: { name: 'reader', key: 'header' } }];
  const plugins = [
    { name: 'review', git: { url: 'https://git.example.com/x', commit, path: 'review' }, headersFrom },
    { name: 'docs', oci: `registry.example.com/docs@sha256:${'2'.repeat(64)}`, headersFrom },
    { name: 'open', git: { url: 'https://git.example.com/y', commit } },
  ];
  expect(pluginsOf({ spec: { plugins } } as unknown as AgentWorkspace)).toEqual([
    {
      name: 'review',
      source: { kind: 'git', url: 'https://git.example.com/x', commit, path: 'review', byGateway: true },
      config: {},
    },
    {
      name: 'docs',
      source: {
        kind: 'oci',
        reference: 'registry.example.com/docs',
        digest: '2'.repeat(64),
        byGateway: true,
      },
      config: {},
    },
    { name: 'open', source: { kind: 'git', url: 'https://git.example.com/y', commit }, config: {} },
  ]);
});
