import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { archiveOf } from '../../agent-runtime/src/agentd/testing/plugin-sources.ts';
import { classLikeDefault } from '../support/classes.ts';
import type { KubernetesObject } from '../support/cluster.ts';
import { GatewayForward, putSecretFor, tokenWith } from '../support/gateway.ts';
import { authorization, type PluginServer, servePlugin } from '../support/plugin-server.ts';
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

describe('a plugin of a host that the class allows', () => {
  const config = [{ name: 'team', value: 'web' }];
  let served: PluginServer;
  let allowing: AsyncDisposable & { name: string };

  const declare = (plugin: object) =>
    here.cluster.patch(here.workspaces.reference('far'), {
      spec: { plugins: [{ name: 'review', config, ...plugin }] },
    });
  const ask = (text: string) => here.workspaces.ask('far', text);
  /** What the condition says once it is what is waited for: a pin that was replaced leaves its own behind for a moment. */
  const condition = (status: string, reason: string, says: RegExp) =>
    expect
      .poll(() => here.workspaces.condition('far', 'PluginsLoaded', status, reason), { timeout: 60_000 })
      .toMatch(says);
  async function fails(plugin: object, says: RegExp): Promise<void> {
    await declare(plugin);
    expect(await ask('say: works')).toBe('works');
    await condition('False', 'Failed', says);
  }
  /** What could not be had rests for half a minute. */
  async function works(): Promise<void> {
    await expect
      .poll(() => ask('/review:check').catch(String), { timeout: 90_000, interval: 1_000 })
      .toContain('checked for web as 1000');
    await condition('True', 'Loaded', /^review 1\.0\.0\.$/);
  }

  beforeAll(async () => {
    const { cluster, workspaces } = here;
    served = await servePlugin(cluster, workspaces.namespace, review);
    const { host, ports, git } = served;
    allowing = await classLikeDefault(cluster, workspaces.namespace, (spec) => {
      spec.egress = { allow: [{ host, ports: Object.values(ports) }] };
    });
    const classRef = { name: allowing.name };
    const env = [{ name: 'NODE_EXTRA_CA_CERTS', value: '/home/agent/registry.pem' }];
    const plugins = [{ name: 'review', config, git }];
    // The API server knows the class a moment after it was made.
    const create = () => workspaces.create('far', { classRef, env, plugins });
    await vi.waitFor(create, { timeout: 30_000, interval: 500 });
  });
  afterAll(async () => {
    await allowing?.[Symbol.asyncDispose]();
  });

  it('comes from git, at the commit that was pinned and from nowhere else', async () => {
    const { cluster, workspaces } = here;
    const { git } = served;
    await works();
    await using gateway = await GatewayForward.open(cluster);
    const token = await tokenWith(cluster, workspaces.namespace, 'person', ['dormouse-user']);
    const described = await gateway.patiently(workspaces.namespace, 'far', 'agent/plugins', token);
    expect(await described.json()).toMatchObject([
      { name: 'review', status: 'Loaded', components: { commands: ['review:check'] } },
    ]);
    await fails(
      { git: { ...git, commit: '1'.repeat(40) } },
      /review: git cannot fetch 1{40} of \S+: .*not our ref/s,
    );
    const elsewhere = { ...git, url: 'http://elsewhere.example/plugins' };
    await fails({ git: elsewhere }, /review: git cannot fetch .*elsewhere\.example.*403/s);
  });

  it('comes from a registry that is believed, as the artifact that was pinned', async () => {
    const { workspaces } = here;
    const { oci, certificate } = served;
    const artifact = (digest: string) => ({ oci: `${oci.reference}@sha256:${digest}` });
    // The registry's certificate is one that nobody trusts, until a wake finds it in the home.
    await fails(artifact(oci.digest), /review: .* cannot be fetched: .*certificate/);
    const put = await workspaces.inWorkspace('far', `cat > registry.pem <<< '${certificate}'`);
    expect(put.code).toBe(0);
    await workspaces.asleep('far');
    await works();
    await fails(artifact('1'.repeat(64)), /review: .*manifests\/sha256:1{64} answered 404/);
  });

  it('comes from a repository that only some may read: as whom, the gateway knows, and nothing in the pod', async () => {
    const { cluster, workspaces } = here;
    const { host, ports, privateGit } = served;
    const hidden = (name: string) => ({
      git: privateGit,
      headersFrom: [{ name: 'Authorization', secretKeyRef: { name, key: 'header' } }],
    });
    const put = (name: string, sentTo: string) =>
      putSecretFor(cluster, workspaces.namespace, name, sentTo, { header: authorization });
    await put('nearly', `http://${host}:${ports.git}`);
    await put('reader', privateGit.url);
    await fails({ git: privateGit }, /review: git cannot fetch .*could not read Username/s);
    await fails(hidden('nearly'), /review: .*Secret \S+\/nearly is not for http:\/\/plugins/);
    await declare(hidden('reader'));
    await works();
    const all =
      'cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"; grep -rs . /home /tmp || true';
    const { stdout } = await workspaces.inWorkspace('far', all);
    expect(stdout).toContain('HTTPS_PROXY=');
    const words = [authorization, 'a-password', authorization.slice('Basic '.length)];
    expect(words.filter((word) => stdout.includes(word))).toEqual([]);
    await expect(declare({ headersFrom: hidden('reader').headersFrom, path: 'mine' })).rejects.toThrow(
      'headersFrom is for plugins with git or oci',
    );
  });
});
