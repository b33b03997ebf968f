import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request as open } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { World } from '../testing/world.ts';

const baseline = join(import.meta.dirname, 'conformance-baseline.yaml');

const require = createRequire(import.meta.url);
const program = require.resolve('@modelcontextprotocol/conformance/dist/index.js');

/** The suite shows no token of its own: this shows one in its place, and changes nothing else. */
async function withToken(port: number): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    const { method, url, headers } = request;
    const upstream = open({
      ...{ host: '127.0.0.1', port, method, headers: { ...headers, authorization: 'Bearer ada-token' } },
      path: url?.replace('/mcp', '/v1/namespaces/team/workspaces/home/mcp'),
    });
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    request.pipe(upstream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${own}/mcp`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

it('passes the scenarios of @modelcontextprotocol/conformance, but for those with a reason in the baseline', async () => {
  await using world = await World.open();
  world.put('Running');
  await using front = await withToken(world.port);
  const results = await mkdtemp(join(tmpdir(), 'conformance-'));
  const run = promisify(execFile)(
    process.execPath,
    [program, 'server', '--url', front.url, '--suite', 'all', '--expected-failures', baseline, '-o', results],
    { env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 64 * 1024 * 1024 },
  );
  // It fails where a scenario fails that is not in the baseline, and where one of the baseline passes.
  const said = await run.then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) =>
      `FAILED\n${error.stdout.split('=== SUMMARY')[1] ?? error.stdout.slice(-3_000)}`,
  );
  expect(said).not.toContain('FAILED\n');
  expect(said).toMatch(/✓ server-initialize: 1 passed/);
  await rm(results, { recursive: true });
}, 120_000);
