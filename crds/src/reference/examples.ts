import { apiVersion } from '../resource.ts';
import { yaml } from '../yaml.ts';

/** What a person would write, one object a kind. The conformance tests apply them. */
export const examples: Record<string, object> = {
  AgentWorkspace: {
    apiVersion,
    kind: 'AgentWorkspace',
    metadata: { name: 'website', namespace: 'team-a' },
    spec: {
      storage: { size: '5Gi' },
      idle: { after: '10m' },
      agent: { systemPrompt: 'You look after the website in ~/site.', permissionMode: 'acceptEdits' },
      services: [{ name: 'preview', command: ['npm', 'run', 'dev'], port: 3000 }],
    },
  },
  AgentWorkspaceClass: {
    apiVersion,
    kind: 'AgentWorkspaceClass',
    metadata: { name: 'standard', annotations: { 'dormouse.dev/is-default-class': 'true' } },
    spec: {
      images: {
        agent: 'registry.example/dormouse/agent:1',
        workspace: 'registry.example/dormouse/workspace:1',
      },
      resources: {
        workspace: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '2Gi' } },
      },
      model: {
        default: 'claude-sonnet-4-5',
        allowed: ['claude-sonnet-4-5', 'claude-haiku-4-5'],
        secretRef: { name: 'anthropic' },
        prices: [
          { model: 'claude-sonnet-4-5', input: '3', output: '15', cacheRead: '0.30', cacheWrite: '3.75' },
          { model: 'claude-haiku-4-5', input: '1', output: '5', cacheRead: '0.10', cacheWrite: '1.25' },
        ],
        maxCostPerDay: '50',
      },
      permissions: { allowedModes: ['default', 'acceptEdits'], allow: ['Read', 'Bash(git *)'] },
      egress: { allow: [{ host: 'registry.npmjs.org' }, { host: '*.internal.example', ports: [443, 8443] }] },
      ceilings: { storage: '20Gi', idleAfter: '1h', runAlways: false, maxTokensPerDay: 5_000_000 },
    },
  },
  AgentCheckpoint: {
    apiVersion,
    kind: 'AgentCheckpoint',
    metadata: { name: 'website-before-migration', namespace: 'team-a' },
    spec: { workspaceRef: { name: 'website' } },
  },
  AgentMessage: {
    apiVersion,
    kind: 'AgentMessage',
    metadata: { generateName: 'website-', namespace: 'team-a' },
    spec: {
      workspaceRef: { name: 'website' },
      from: 'the release pipeline',
      text: 'Version 1.4 is out. Update the download page.',
    },
  },
  AgentUsage: {
    apiVersion,
    kind: 'AgentUsage',
    metadata: { name: '0b4f0a51-8f5c-4a57-9d3c-6f3c9f0a7d11-2026-11-23', namespace: 'dormouse-system' },
    spec: {
      workspace: { namespace: 'team-a', name: 'website', uid: '0b4f0a51-8f5c-4a57-9d3c-6f3c9f0a7d11' },
      day: '2026-11-23',
      totalTokens: 48_200,
      charges: [
        {
          class: 'standard',
          calls: 12,
          inputTokens: 3_100,
          outputTokens: 5_100,
          cacheReadTokens: 36_000,
          cacheWriteTokens: 4_000,
          cost: 111_600,
        },
      ],
      reservations: [],
    },
  },
};

/** The example of a kind as YAML; every kind has one. */
export function example(kind: string): string {
  const object = examples[kind];
  if (object === undefined) throw new Error(`${kind} has no example in crds/src/reference/examples.ts`);
  return yaml(object, 100);
}
