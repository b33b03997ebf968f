/**
 * A stand-in API server for a gateway: workspace `bench/home`, whose pod has the address that is the argument, and an API
 * that knows every token and allows everything. Says `{"server": URL}`.
 */
import { workspaceLabel } from '@dormouse/crds';
import { ApiServer } from '../../../support/api-server/index.ts';

const [podIP] = process.argv.slice(2);
const api = new ApiServer();
api.misbehave({
  matches: ({ collection }) => /reviews$/.test(collection),
  times: Number.POSITIVE_INFINITY,
  respond: (response, { collection }) => {
    const status = /\/tokenreviews$/.test(collection)
      ? { authenticated: true, user: { username: 'bench', groups: ['people'] } }
      : { allowed: true };
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ metadata: {}, status }));
  },
});

const workspaces = 'apis/dormouse.dev/v1alpha1/agentworkspaces';
const metadata = { namespace: 'bench', name: 'home' };
const { uid } = api.objects.put(workspaces, 'bench/home', { metadata }).metadata;
const owner = {
  apiVersion: 'dormouse.dev/v1alpha1',
  kind: 'AgentWorkspace',
  name: 'home',
  uid,
  controller: true,
};
const pod = {
  metadata: { ...metadata, labels: { [workspaceLabel]: 'home' }, ownerReferences: [owner] },
  status: { podIP },
};
const podUID = api.objects.put('api/v1/pods', 'bench/home', pod).metadata.uid;
const ready = { type: 'Ready', status: 'True', reason: 'Running', message: '' };
const workspace = {
  metadata,
  spec: { runPolicy: 'Auto' },
  status: { phase: 'Running', podUID, conditions: [ready] },
};
api.objects.put(workspaces, 'bench/home', workspace);
process.stdout.write(`${JSON.stringify({ server: await api.start() })}\n`);
