import { describe, expect, it } from 'vitest';
import { archiveOf } from '../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import { classLikeDefault } from '../support/classes.ts';
import type { KubernetesObject } from '../support/cluster.ts';
import { GatewayForward, tokenWith } from '../support/gateway.ts';
import { servePlugin } from '../support/plugin-server.ts';
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

  it('comes from git and from a registry that its class lets it reach, exactly as it was pinned', async () => {
    const { workspaces, cluster } = here;
    const { namespace } = workspaces;
    const { host, ports, git, oci, certificate } = await servePlugin(cluster, namespace, review);
    await using allowing = await classLikeDefault(cluster, namespace, (spec) => {
      spec.egress = { allow: [{ host, ports: Object.values(ports) }] };
    });
    const config = [{ name: 'team', value: 'web' }];
    const fromGit = { name: 'review', git, config };
    const fromOci = { name: 'review', oci: `${oci.reference}@sha256:${oci.digest}`, config };
    /** What the condition says once it is what is waited for: a pin that was replaced leaves its own behind for a moment. */
    const condition = (status: string, reason: string, says: RegExp) =>
      expect
        .poll(() => workspaces.condition('far', 'PluginsLoaded', status, reason), { timeout: 60_000 })
        .toMatch(says);
    const declare = (plugin: object) =>
      cluster.patch(workspaces.reference('far'), { spec: { plugins: [plugin] } });

    const env = [{ name: 'NODE_EXTRA_CA_CERTS', value: '/home/agent/registry.pem' }];
    const classRef = { name: allowing.name };
    // The API server knows the class a moment after it was made.
    await expect
      .poll(() => workspaces.create('far', { classRef, env, plugins: [fromGit] }).then(() => '', String), {
        timeout: 30_000,
      })
      .toBe('');
    expect(await workspaces.ask('far', '/review:check')).toContain('checked for web as 1000');
    await condition('True', 'Loaded', /^review 1\.0\.0\.$/);
    await using gateway = await GatewayForward.open(cluster);
    const token = await tokenWith(cluster, namespace, 'person', ['dormouse-user']);
    const described = await gateway.patiently(namespace, 'far', 'agent/plugins', token);
    expect(await described.json()).toMatchObject([
      { name: 'review', status: 'Loaded', components: { commands: ['review:check'] } },
    ]);

    // Neither another commit nor a host that the class does not name.
    await declare({ ...fromGit, git: { ...git, commit: '1'.repeat(40) } });
    await workspaces.ask('far', 'say: works');
    await condition('False', 'Failed', /review: git cannot fetch 1{40} of \S+: .*not our ref/s);
    await declare({ ...fromGit, git: { ...git, url: `http://elsewhere.example/plugins` } });
    await workspaces.ask('far', 'say: works');
    await condition('False', 'Failed', /review: git cannot fetch .*elsewhere\.example.*403/s);

    // The registry's certificate is one that nobody trusts, until a wake finds it in the home.
    await declare(fromOci);
    await workspaces.ask('far', 'say: works');
    await condition('False', 'Failed', /review: .* cannot be fetched: .*certificate/);
    const put = await workspaces.inWorkspace('far', `cat > registry.pem <<< '${certificate}'`);
    expect(put.code).toBe(0);
    await workspaces.asleep('far');
    expect(await workspaces.ask('far', '/review:check')).toContain('checked for web as 1000');
    await condition('True', 'Loaded', /^review 1\.0\.0\.$/);

    await declare({ ...fromOci, oci: `${oci.reference}@sha256:${'1'.repeat(64)}` });
    await workspaces.ask('far', 'say: works');
    await condition('False', 'Failed', /review: .*manifests\/sha256:1{64} answered 404/);
  });
});
