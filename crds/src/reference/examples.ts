import { stringify } from 'yaml';
import { apiVersion } from '../resource.ts';

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
};

/** The example of a kind as YAML; every kind has one. */
export function example(kind: string): string {
  const object = examples[kind];
  if (object === undefined) throw new Error(`${kind} has no example in crds/src/reference/examples.ts`);
  return stringify(object, { lineWidth: 100 });
}
