import type { PluginState } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { pluginsOf } from './plugin-config.ts';
import { pluginsFinding } from './plugins-loaded.ts';

describe('the condition PluginsLoaded', () => {
  const loaded: PluginState = { name: 'review', status: 'Loaded', version: '1.2.0', problems: [] };
  const failed: PluginState = {
    name: 'docs',
    status: 'Failed',
    problems: ['docs/plugin.json:3: it is no JSON.'],
  };
  const pending: PluginState = { name: 'new', status: 'Pending', problems: [] };
  const of = (...plugins: Parameters<typeof pluginsFinding>[0]) => pluginsFinding(plugins, [])[0];

  it('names what is there, and what is not with its reason', () => {
    expect(of(loaded)).toMatchObject({ reason: 'Loaded', message: 'review 1.2.0.' });
    expect(of(loaded, pending)).toMatchObject({ reason: 'Loading' });
    expect(of(loaded, pending, failed)).toEqual({
      type: 'PluginsLoaded',
      reason: 'Failed',
      message: 'docs: docs/plugin.json:3: it is no JSON.',
    });
  });

  it('is not there for a workspace that never had any, and says so when there are none any more', () => {
    expect(of()).toBeUndefined();
    const before = {
      ...({ type: 'PluginsLoaded', status: 'True', reason: 'Loaded', message: '' } as const),
      ...{ observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' },
    };
    expect(pluginsFinding([], [before])).toEqual([{ type: 'PluginsLoaded', reason: 'NoPlugins' }]);
  });
});

it('tells agentd of each source without the words that are for people', () => {
  const digest = 'a'.repeat(64);
  const plugins = [
    {
      name: 'a',
      configMap: { name: 'a-plugin', digest: `sha256:${digest}` },
      config: [{ name: 'k', value: 'v' }],
    },
    { name: 'b', oci: `registry.example.com:5000/b@sha256:${digest}` },
    { name: 'c', git: { url: 'https://example.com/c', commit: 'c'.repeat(40), path: 'x' } },
    { name: 'd', path: 'd' },
  ];
  expect(pluginsOf({ spec: { plugins } } as unknown as AgentWorkspace)).toEqual([
    { name: 'a', source: { kind: 'configMap', digest }, config: { k: 'v' } },
    { name: 'b', source: { kind: 'oci', reference: 'registry.example.com:5000/b', digest }, config: {} },
    {
      name: 'c',
      source: { kind: 'git', url: 'https://example.com/c', commit: 'c'.repeat(40), path: 'x' },
      config: {},
    },
    { name: 'd', source: { kind: 'path', path: 'd' }, config: {} },
  ]);
});
