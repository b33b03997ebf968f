import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { reasonHeader } from '../../protocol/gateway.ts';
import type { PluginSource } from '../../protocol/plugins.ts';
import { archiveOf, gitServer, registry } from '../testing/plugin-sources.ts';
import { startRealTools } from '../testing/real-tools.ts';
import { RecordingModel } from '../testing/recording-model.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

const files = { 'skills/check/SKILL.md': '---\ndescription: Checks.\n---\nCHECK' };
let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
let agent: RunningAgent;
const closing: { close(): Promise<unknown> }[] = [];
/** A stand-in for the gateway: what it is asked for, with which token, and what it answers. */
const asked: string[] = [];
let answer: (part: string, response: ServerResponse) => Promise<void>;
let gateway: Server;

beforeEach(async () => {
  workspace = await TestWorkspace.create();
  endTools = await startRealTools(workspace, '/bin/false');
  asked.length = 0;
  gateway = createServer((request: IncomingMessage, response) => {
    const part = request.url?.replace('/v1/plugins/review/', '') ?? '';
    asked.push(`${request.method} ${part} ${request.headers.authorization}`);
    answer(part, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  workspace.config.model.baseUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
  gateway.closeAllConnections();
  await new Promise((resolve) => gateway.close(resolve));
  await endTools();
  await workspace.close();
});

async function start(source: PluginSource): Promise<void> {
  workspace.config.plugins = [{ name: 'review', source, config: {} }];
  agent = await workspace.start(new RecordingModel(workspace));
}
const loaded = async () => {
  const { plugins } = await agent.stateWhen((state) => state.plugins[0]?.status !== 'Pending');
  return plugins[0];
};
async function works(): Promise<void> {
  expect(await loaded()).toMatchObject({ status: 'Loaded', problems: [] });
  await agent.send('m', 'tool Skill {"skill":"review:check"}');
  expect((await agent.settled('m')).reply?.text).toContain('CHECK');
}
async function refused(source: PluginSource): Promise<string> {
  await start(source);
  const state = await loaded();
  expect(state?.status).toBe('Failed');
  await agent.stop();
  return state?.problems.join(' ') ?? '';
}

/** As the gateway does, which knows the commit from the spec. */
async function pack(url: string, commit: string, response: ServerResponse): Promise<void> {
  const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
  const body = [
    line('command=fetch\n'),
    '0001',
    line('deepen 1\n'),
    line(`want ${commit}\n`),
    line('done\n'),
    '0000',
  ];
  const headers = { 'content-type': 'application/x-git-upload-pack-request', 'git-protocol': 'version=2' };
  const found = await fetch(`${url}/git-upload-pack`, { method: 'POST', headers, body: body.join('') });
  response.writeHead(found.status).end(Buffer.from(await found.arrayBuffer()));
}

it('from git comes as a pack that the gateway fetched, is unpacked in the workspace and verified', async () => {
  const git = await gitServer(join(workspace.folder, 'repository'));
  closing.push(git);
  const first = await git.commit(files);
  const commit = await git.commit({ 'plugins/review/skills/check/SKILL.md': files['skills/check/SKILL.md'] });
  // Where the workspace itself would ask nobody answers.
  const url = 'http://127.0.0.1:1/plugins';
  const source = { kind: 'git', url, commit, path: 'plugins/review', byGateway: true } as const;
  answer = (_part, response) => pack(git.url, commit, response);
  await start(source);
  await works();
  expect(asked).toEqual(['GET pack Bearer model-key']);
  await agent.stop();

  answer = (_part, response) => pack(git.url, first, response);
  expect(await refused({ ...source, path: 'other' })).toMatch(
    /git cannot fetch .*: the server answered without that commit/,
  );
});

it('from a registry comes through the gateway; where that leads elsewhere, the workspace goes there itself', async () => {
  const { bytes } = await archiveOf(files);
  const server = await registry(bytes);
  closing.push(server);
  const [host = ''] = server.reference.split('/');
  const { token } = (await (
    await fetch(`http://${host}/token?service=test&scope=repository:plugins/review:pull`)
  ).json()) as { token: string };
  answer = async (part, response) => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.oci.image.manifest.v1+json',
    };
    const found = await fetch(`http://${host}/v2/plugins/review/${part}`, { headers, redirect: 'manual' });
    const location = found.headers.get('location');
    response
      .writeHead(found.status, location === null ? {} : { location })
      .end(Buffer.from(await found.arrayBuffer()));
  };
  await start({ kind: 'oci', reference: server.reference, digest: server.digest, byGateway: true });
  await works();
  expect(asked.map((each) => each.replace(/[0-9a-f]{64}/, 'DIGEST'))).toEqual([
    'GET manifests/sha256:DIGEST Bearer model-key',
    'GET blobs/sha256:DIGEST Bearer model-key',
  ]);
});

it('that cannot be had is named with what the gateway says, or with the Secret where the server refuses', async () => {
  const git = {
    kind: 'git',
    url: 'http://git.example.com/x',
    commit: '1'.repeat(40),
    byGateway: true,
  } as const;
  const oci = {
    kind: 'oci',
    reference: 'registry.example.com/x',
    digest: '1'.repeat(64),
    byGateway: true,
  } as const;
  answer = async (_part, response) => {
    response.writeHead(403, { [reasonHeader]: 'Refused' });
    response.end(
      JSON.stringify({ error: { code: 'forbidden', message: 'There is no Secret team/reader.' } }),
    );
  };
  expect(await refused(git)).toBe(
    'http://git.example.com/x cannot be fetched: There is no Secret team/reader.',
  );
  expect(await refused(oci)).toContain('There is no Secret team/reader.');
  answer = async (_part, response) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token"' }).end();
  };
  expect(await refused(git)).toContain('answered 401 (see the Secret that headersFrom of the plugin names)');
  expect(await refused(oci)).toContain('answered 401 (see the Secret that headersFrom of the plugin names)');
});
