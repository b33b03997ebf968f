import { readFile } from 'node:fs/promises';
import type { AgentWorkspace } from '@dormouse/crds';
import { apiVersion } from '@dormouse/crds';
import { describe, expect, it } from 'vitest';
import { classLikeDefault, defaultClass } from '../support/classes.ts';
import { type KubernetesObject, reference } from '../support/cluster.ts';
import { GatewayForward, putSecretFor, tokenWith } from '../support/gateway.ts';
import { suite } from '../support/suite.ts';
import type { Pod } from '../support/workspaces.ts';

const here = suite('mcp');

/** Puts the server of test/support into the home of a workspace that is awake. */
async function putServer(workspace: string): Promise<void> {
  const program = await readFile(new URL('../support/mcp-server/stdio.mjs', import.meta.url));
  const command = `base64 -d <<< ${program.toString('base64')} > server.mjs`;
  const { code, stderr } = await here.workspaces.inWorkspace(workspace, command);
  if (code !== 0) throw new Error(`the server cannot be put into ${workspace}: ${stderr}`);
}

const echo = (server: string, text: string) => `tool mcp__${server}__echo ${JSON.stringify({ text })}`;

describe('MCP servers of a workspace', () => {
  it('are programs of the untrusted container: added while it runs, ended by a sleep, there again after it', async () => {
    const { workspaces, cluster, witness } = here;
    await workspaces.create('program', { runPolicy: 'Always' });
    await workspaces.ask('program', 'say: hello');
    await putServer('program');
    const server = { name: 'fixture', command: ['node', '/home/agent/server.mjs'] };
    await cluster.patch(workspaces.reference('program'), { spec: { mcpServers: [server] } });
    await expect
      .poll(() => workspaces.ask('program', echo('fixture', 'one')), { timeout: 30_000, interval: 500 })
      .toMatch(/^one \(pid \d+, uid 1000\)$/);
    expect(witness.made('program')).toBe(1);
    // It runs, and it is no reason to stay awake.
    expect((await workspaces.inWorkspace('program', 'pgrep -f server.mjs')).code).toBe(0);
    await cluster.patch(workspaces.reference('program'), { spec: { runPolicy: 'Auto' } });
    await workspaces.asleep('program');
    expect(await workspaces.ask('program', echo('fixture', 'two'))).toMatch(/^two \(pid \d+, uid 1000\)$/);
    expect(witness.made('program')).toBe(2);
  });

  it('that a file names wait for a person, also while the workspace sleeps', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('file', { agent: { permissionMode: 'default' }, runPolicy: 'Always' });
    await workspaces.ask('file', 'say: hello');
    await putServer('file');
    const entry = '{"mcpServers":{"fixture":{"command":"node","args":["server.mjs"]}}}';
    await workspaces.inWorkspace('file', `echo '${entry}' > .mcp.json`);
    await workspaces.ask('file', 'say: is there a server?');
    const told = (await workspaces.transcript('file')).map((line) => JSON.stringify(line)).join('\n');
    const digest = /\[digest ([0-9a-f]{16})\]/.exec(told)?.[1];
    expect(told).toContain('fixture of /home/agent/.mcp.json runs: node server.mjs');
    expect((await workspaces.inWorkspace('file', 'pgrep -f server.mjs')).code).toBe(1);
    const message = await workspaces.send(
      'file',
      `tool ConnectMcpServer {"server":"fixture","digest":"${digest}"}`,
    );
    await cluster.patch(workspaces.reference('file'), { spec: { runPolicy: 'Auto' } });
    await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('file'),
      'a question',
      (found) => found?.status?.approvals?.waiting === 1,
    );
    const { status } = await workspaces.asleep('file');
    const [question] = status?.approvals?.requests ?? [];
    expect(question).toMatchObject({
      tool: 'ConnectMcpServer',
      summary: 'fixture of /home/agent/.mcp.json runs: node server.mjs',
    });
    await cluster.create({
      ...reference(apiVersion, 'AgentMessage', 'let-it-in', workspaces.namespace),
      spec: {
        workspaceRef: { name: 'file' },
        approval: { id: question?.id, decision: 'Allow' },
      },
    } as KubernetesObject);
    expect(await workspaces.answer(message)).toContain('mcp__fixture__echo');
    // What it may be started by is no leave to call its tools.
    await workspaces.send('file', echo('fixture', 'hello'));
    await cluster.waitFor<KubernetesObject & AgentWorkspace>(
      workspaces.reference('file'),
      'another question',
      (found) => found?.status?.approvals?.requests?.[0]?.tool === 'mcp__fixture__echo',
    );
  });

  it('on the network are reached as the workspace reaches anything, and only those that its class allows', async () => {
    const { workspaces, cluster } = here;
    const { namespace } = workspaces;
    const host = `mcp.${namespace}.svc.cluster.local`;
    await serveMcp();
    const url = `http://${host}:8000/mcp`;
    await using allowing = await classLikeDefault(cluster, namespace, (spec) => {
      spec.egress = { allow: [{ host, ports: [8000] }] };
      spec.mcpServers = { allowed: [{ url: `http://*.svc.cluster.local:8000/*` }] };
    });
    const classRef = { name: allowing.name };
    const create = (name: string, mcpServers: object[]) =>
      workspaces.create(name, { classRef, mcpServers } as Parameters<typeof workspaces.create>[1]);
    // The API server knows the class a moment after it was made.
    await expect
      .poll(
        () => create('refused', [{ name: 'other', url: 'http://elsewhere.example/' }]).then(() => '', String),
        {
          timeout: 30_000,
        },
      )
      .toContain('allows only what it lists, the workspace asks for other');
    await create('network', [
      { name: 'site', url, headers: [{ name: 'x-from', value: `\${HOME}` }] },
      { name: 'away', url: `http://kubernetes.default.svc.cluster.local:8000/mcp` },
    ]);
    expect(await workspaces.ask('network', echo('site', 'hello'))).toBe('hello from /home/agent');
    // With a header that only the gateway may read, from a Secret that says where it may go.
    await putSecretFor(cluster, namespace, 'nearly', `http://other.${namespace}.svc.cluster.local:8000`, {
      from: 'the gateway',
    });
    await putSecretFor(cluster, namespace, 'ours', `http://${host}:8000`, { from: 'the gateway' });
    const headersFrom = (secret: string) => [{ name: 'x-from', secretKeyRef: { name: secret, key: 'from' } }];
    await cluster.patch(workspaces.reference('network'), {
      spec: {
        mcpServers: [
          { name: 'site', url, headersFrom: headersFrom('ours') },
          { name: 'away', url, headersFrom: headersFrom('nearly') },
        ],
      },
    });
    await expect
      .poll(() => workspaces.ask('network', echo('site', 'hello')), { timeout: 60_000, interval: 500 })
      .toBe('hello from the gateway');
    const seen = await workspaces.inWorkspace(
      'network',
      'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"',
    );
    expect(seen.stdout).not.toContain('the gateway');
    const said = (await workspaces.transcript('network')).map((line) => JSON.stringify(line)).join('\n');
    expect(said).toContain(`Secret ${namespace}/nearly is not for http://${host}:8000`);
    const told = (await workspaces.transcript('network')).map((line) => JSON.stringify(line)).join('\n');
    expect(told).toMatch(/away: [^\n]*(403|denied|refused|not allow)/);
  });
});

describe('a workspace as an MCP server', () => {
  it('is woken by another agent, answers it, and shows it a file', async () => {
    const { workspaces, cluster } = here;
    const { namespace } = workspaces;
    await workspaces.create('offered');
    await workspaces.ask('offered', 'write plan.md: the plan');
    await workspaces.asleep('offered');
    const token = await tokenWith(cluster, namespace, 'other-agent', ['dormouse-user']);
    await using gateway = await GatewayForward.open(cluster);
    const call = async (name: string, input: object) => {
      const answer = await gateway.fetch(namespace, 'offered', 'mcp', token, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { name, arguments: input },
        }),
      });
      const text = await answer.text();
      const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
      return { status: answer.status, text: JSON.parse(data).result?.content?.[0]?.text };
    };
    const asked = await call('send_message', { text: 'say: hello, agent', session: 'other' });
    expect(asked).toEqual({ status: 200, text: 'hello, agent' });
    expect((await call('read_file', { path: 'plan.md' })).text).toContain('the plan');
    expect((await call('list_sessions', {})).text).toContain('other: idle');
    const nobody = await gateway.fetch(namespace, 'offered', 'mcp', undefined, {
      method: 'POST',
      body: '{}',
    });
    expect(nobody.status).toBe(401);
  });
});

/** A server under no policy, which answers each request with one JSON document. */
async function serveMcp(): Promise<void> {
  const { cluster, workspaces } = here;
  const { namespace } = workspaces;
  const { images } = (await defaultClass(cluster)).spec;
  const script = `
    const results = {
      initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'site', version: '1' } }),
      'tools/list': () => ({ tools: [{ name: 'echo', inputSchema: { type: 'object' } }] }),
      'tools/call': ({ arguments: { text } }, from) => ({ content: [{ type: 'text', text: text + ' from ' + from }] }),
    };
    require('node:http').createServer((request, response) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      let body = '';
      request.on('data', (chunk) => { body += chunk; });
      request.on('end', () => {
        const { id, method, params } = JSON.parse(body);
        if (id === undefined) return response.writeHead(202).end();
        const result = results[method]?.(params, request.headers['x-from']);
        const error = { code: -32601, message: 'unknown method' };
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ jsonrpc: '2.0', id, ...(result ? { result } : { error }) }));
      });
    }).listen(8000);`;
  await cluster.create({
    ...reference('v1', 'Service', 'mcp', namespace),
    spec: { clusterIP: 'None', selector: { app: 'mcp' }, ports: [{ port: 8000 }] },
  } as KubernetesObject);
  const pod = reference('v1', 'Pod', 'mcp', namespace);
  await cluster.create({
    ...pod,
    metadata: { ...pod.metadata, labels: { app: 'mcp' } },
    spec: {
      terminationGracePeriodSeconds: 0,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'mcp',
          image: images.workspace,
          imagePullPolicy: images.pullPolicy,
          command: ['node', '-e', script],
          readinessProbe: { tcpSocket: { port: 8000 }, periodSeconds: 1 },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  } as unknown as KubernetesObject);
  await cluster.waitFor<KubernetesObject & Pod>(
    pod,
    'ready',
    (object) => object?.status?.containerStatuses?.[0]?.ready === true,
    90_000,
  );
}
