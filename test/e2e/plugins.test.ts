import { describe, expect, it } from 'vitest';
import { archiveOf } from '../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import type { KubernetesObject } from '../support/cluster.ts';
import { suite } from '../support/suite.ts';

const here = suite('plugins');

const variable = (name: string) => `\${${name}}`;
const review = {
  '.claude-plugin/plugin.json': JSON.stringify({
    name: 'review',
    version: '1.0.0',
    userConfig: { team: { type: 'string', description: 'Whose rules', required: true } },
  }),
  'commands/check.md': `run: ${variable('CLAUDE_PLUGIN_ROOT')}/bin/check ${variable('user_config.team')}`,
  'bin/check':
    '#!/bin/bash\necho "checked for $1 as $(id -u)"; touch "$(dirname "$0")/mine" || echo "read-only"\n',
  'hooks/hooks.json': JSON.stringify({
    hooks: {
      UserPromptSubmit: [{ hooks: [{ type: 'command', command: 'echo "HOOK $CLAUDE_PLUGIN_OPTION_TEAM"' }] }],
    },
  }),
};

describe('a plugin of a workspace', () => {
  it('comes from a ConfigMap, as it was pinned, and is there after a sleep without it', async () => {
    const { workspaces, cluster } = here;
    const { bytes, digest } = await archiveOf(review);
    const configMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'review-plugin', namespace: workspaces.namespace },
      binaryData: { 'plugin.tar.gz': bytes.toString('base64') },
    };
    const plugin = (pinned: string) => ({
      name: 'review',
      configMap: { name: 'review-plugin', digest: `sha256:${pinned}` },
      config: [{ name: 'team', value: 'web' }],
    });
    // Before it is there: the workspace works, and says what is missing.
    await workspaces.create('user', { plugins: [plugin(digest)] });
    expect(await workspaces.condition('user', 'PluginsLoaded', 'False', 'Failed')).toContain('is not there');
    expect(await workspaces.ask('user', 'say: works')).toBe('works');
    await workspaces.asleep('user');

    await cluster.create(configMap as KubernetesObject);
    const answer = await workspaces.ask('user', '/review:check');
    expect(answer).toContain('checked for web as 1000');
    expect(answer).toContain('read-only');
    expect(await workspaces.condition('user', 'PluginsLoaded', 'True', 'Loaded')).toBe('review 1.0.0.');
    expect(JSON.stringify(await workspaces.transcript('user'))).toContain('HOOK web');
    await workspaces.asleep('user');

    await cluster.delete(configMap as KubernetesObject);
    expect(await workspaces.ask('user', '/review:check')).toContain('checked for web');

    // Pinned to something else it is not what is there.
    await cluster.patch(workspaces.reference('user'), { spec: { plugins: [plugin('0'.repeat(64))] } });
    expect(await workspaces.condition('user', 'PluginsLoaded', 'False', 'Failed')).toContain('is not there');
  });
});
