import { type AgentWorkspaceClass, agentWorkspaceClassSpec, agentWorkspaceSpec } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { type EffectiveSpec, findClass, narrow } from './class.ts';
import { mergePatch } from './patch.ts';
import { podSpec, templateDifference, templateHashes } from './pod.ts';
import { quantityValue } from './quantity.ts';
import { buildRuntimeConfig, buildSecret } from './runtime-config.ts';

const aClass = (name: string, change: object = {}, annotations: Record<string, string> = {}) =>
  ({
    metadata: { name, annotations, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: agentWorkspaceClassSpec.parse({
      images: { agent: 'agent:1', workspace: 'workspace:1' },
      model: { default: 'small' },
      ...change,
    }),
  }) as AgentWorkspaceClass;
const workspace = (spec: object = {}) => ({
  apiVersion: 'dormouse.dev/v1alpha1' as const,
  kind: 'AgentWorkspace' as const,
  metadata: { name: 'hello', namespace: 'team', uid: 'uid-1' },
  spec: agentWorkspaceSpec.parse(spec),
});

describe('the class of a workspace', () => {
  it('is the oldest default, then the first by name, where it names none', () => {
    const isDefault = { 'dormouse.dev/is-default-class': 'true' };
    const all = [aClass('b', {}, isDefault), aClass('a', {}, isDefault), aClass('0')];
    expect(
      findClass(
        workspace(),
        () => undefined,
        () => all,
      ).found?.metadata.name,
    ).toBe('a');
  });

  it('narrows what a workspace asks for, and says each time', () => {
    const { clamped, ...effective } = narrow(
      agentWorkspaceSpec.parse({
        runPolicy: 'Always',
        storage: { size: '10Gi' },
        idle: { after: '2h' },
        agent: { model: 'huge', permissionMode: 'bypassPermissions', maxTurns: 500 },
      }),
      aClass('standard', {
        model: { default: 'small', allowed: ['small', 'middle'] },
        permissions: { allowedModes: ['default'] },
        ceilings: { storage: '5000Mi', idleAfter: '1h', runAlways: false, maxTurns: 100 },
      }),
    );
    expect(effective).toMatchObject({
      runPolicy: 'Auto',
      storageSize: '5000Mi',
      idleAfter: 3_600_000,
      model: 'small',
      permissionMode: 'default',
      maxTurns: 100,
    });
    expect(clamped).toHaveLength(6);
  });
});

describe('what the agent is told', () => {
  it.each([
    [undefined, 'default'],
    [['plan', 'bypassPermissions', 'acceptEdits'], 'acceptEdits'],
    [['plan', 'bypassPermissions'], undefined],
  ])('of %o the mode after plan mode is %s', (allowedModes, after) => {
    const found = aClass('c', {
      permissions: { defaultMode: 'plan', allowedModes, ask: ['Bash(git push:*)'] },
    });
    const of = workspace();
    const { permissions } = buildRuntimeConfig(of, narrow(of.spec, found), 'http://gateway');
    expect(permissions.afterPlan).toBe(after);
    expect(permissions.ask).toEqual(['Bash(git push:*)']);
  });
});

describe('how long the agent may stay awake for a question', () => {
  it.each([
    ['Auto', 1_800],
    ['Always', undefined],
  ])('of a workspace with runPolicy %s: %s s', (runPolicy, seconds) => {
    const of = workspace({ runPolicy, idle: { after: '30m' } });
    const config = buildRuntimeConfig(of, narrow(of.spec, aClass('c', {})), 'http://gateway');
    expect(config.idleAfterSeconds).toBe(seconds);
  });
});

describe('the pod', () => {
  const specOf = (change: object = {}, spec: object = {}) => {
    const effective: EffectiveSpec = narrow(agentWorkspaceSpec.parse(spec), aClass('standard', change));
    return podSpec(workspace(spec), effective);
  };

  it('shows the credential and the state to the agent alone', () => {
    const [agent, tools] = specOf().containers;
    expect(agent?.volumeMounts?.map((each) => each.name)).toContain('runtime');
    expect(tools?.volumeMounts?.map((each) => each.name)).not.toContain('runtime');
    expect(agent?.volumeMounts?.map((each) => each.name)).toContain('gateway-token');
    expect(tools?.volumeMounts?.map((each) => each.name)).not.toContain('gateway-token');
    const claim = (of: typeof agent) =>
      of?.volumeMounts
        ?.filter((each) => each.name === 'claim')
        .map((each) => [each.subPath, each.readOnly ?? false]);
    expect(claim(agent)).toEqual([['state', false]]);
    expect(claim(tools)).toEqual([
      ['home', false],
      ['processes', false],
      ['state/transcripts', true],
      ['state/plugins', true],
    ]);
  });

  it('shows the ConfigMaps of plugins to the agent alone, and starts without them', () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const { containers, volumes } = specOf(
      {},
      {
        plugins: [
          { name: 'review', configMap: { name: 'review-plugin', digest } },
          { name: 'mine', path: 'mine' },
        ],
      },
    );
    const [agent, tools] = containers;
    const mount = { name: 'plugin-review', mountPath: '/etc/dormouse-plugins/review', readOnly: true };
    expect(agent?.volumeMounts).toContainEqual(mount);
    expect(JSON.stringify(tools?.volumeMounts)).not.toContain('plugin-review');
    const configMap = { name: 'review-plugin', optional: true, defaultMode: 0o440 };
    expect(volumes).toContainEqual({ name: 'plugin-review', configMap });
  });

  it('gets the rights that process images take only where the class has them and the workspace asks, and only for the tools', () => {
    const enabled = { processImages: { enabled: true } };
    const asks = { checkpoint: { processes: 'Restore' } };
    for (const spec of [specOf(enabled), specOf({}, asks)]) {
      expect(spec.containers[1]?.securityContext?.capabilities).toEqual({ drop: ['ALL'] });
      expect(spec.containers[1]?.command).toBeUndefined();
    }
    const { containers, volumes } = specOf(enabled, asks);
    const [agent, tools] = containers;
    expect(tools?.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['CHECKPOINT_RESTORE', 'SETGID', 'SETPCAP', 'SETUID'] },
      seccompProfile: { type: 'Unconfined' },
    });
    expect(agent).toEqual(specOf().containers[0]);
    // What a process may have open is on the volume.
    expect(tools?.volumeMounts?.filter(({ name }) => name === 'claim').map((each) => each.mountPath)).toEqual(
      expect.arrayContaining(['/tmp', '/dev/shm']),
    );
    expect(volumes?.map(({ name }) => name)).not.toContain('tmp');
  });

  it('carries one token: for the gateway alone, and of an hour', () => {
    const tokens = specOf().volumes?.flatMap((each) => each.projected?.sources ?? []);
    expect(tokens).toEqual([
      { serviceAccountToken: { audience: 'dormouse-gateway', expirationSeconds: 3600, path: 'token' } },
    ]);
  });

  it('leads the tools to the proxy by an entry of the Secret, and shows neither the key nor what else is in there', () => {
    const [agent, tools] = specOf().containers;
    const entry = { secretKeyRef: { name: 'hello-runtime', key: 'egress-proxy' } };
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'])
      expect(tools?.env).toContainEqual({ name, valueFrom: entry });
    for (const name of ['NO_PROXY', 'no_proxy'])
      expect(tools?.env).toContainEqual({ name, value: 'localhost,127.0.0.1,::1' });
    expect(agent?.env).toBeUndefined();
    expect(tools?.envFrom).toBeUndefined();
    const secret = buildSecret(workspace(), {} as never, 'key', 'http://user:key@gateway:8083');
    expect(Object.keys(secret.data ?? {})).toContain(entry.secretKeyRef.key);
  });

  it('sets the proxy once, whatever a workspace of before says of it', () => {
    const env = [
      { name: 'HTTPS_PROXY', value: 'http://elsewhere' },
      { name: 'MINE', value: 'kept' },
    ];
    const [, tools] = specOf({}, { env }).containers;
    expect(tools?.env?.filter((each) => each.name === 'HTTPS_PROXY').map((each) => each.value)).toEqual([
      undefined,
    ]);
    expect(tools?.env).toContainEqual({ name: 'MINE', value: 'kept' });
  });

  it('passes the Pod Security Standard restricted', () => {
    const spec = specOf();
    expect(spec.automountServiceAccountToken).toBe(false);
    for (const { securityContext } of spec.containers) {
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        runAsNonRoot: true,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      });
    }
  });

  it('is outdated by what its template says, and by nothing else', () => {
    const annotation = Object.entries(templateHashes(specOf()))
      .map(([part, hash]) => `${part}=${hash}`)
      .join(',');
    const difference = (change: object, spec: object = {}) =>
      templateDifference(annotation, templateHashes(specOf(change, spec)));
    expect(difference({}, { idle: { after: '1m' }, agent: { systemPrompt: 'x' } })).toEqual([]);
    expect(difference({ images: { agent: 'agent:2', workspace: 'workspace:1' } })).toEqual(['images']);
    expect(difference({}, { env: [{ name: 'A', value: 'b' }] })).toEqual(['env']);
    expect(difference({ nodeSelector: { disk: 'ssd' } })).toEqual(['scheduling']);
  });
});

describe('a quantity', () => {
  it.each([
    ['2Gi', 2 ** 31],
    ['500M', 5e8],
    ['100m', 0.1],
    ['7', 7],
  ])('%s is %d', (text, value) => expect(quantityValue(text)).toBeCloseTo(value));
});

describe('a merge patch', () => {
  it('removes what went away and leaves out what stays', () => {
    expect(mergePatch({ a: 1, b: { c: 1, d: 2 }, e: [1] }, { b: { c: 1, d: 3 }, e: [1] })).toEqual({
      a: null,
      b: { d: 3 },
    });
  });
});
