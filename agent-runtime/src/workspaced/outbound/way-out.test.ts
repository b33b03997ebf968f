import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { jsonLog } from '../log.ts';
import { type WayOut, withoutKey } from './way-out.ts';

const log = jsonLog(
  () => undefined,
  () => new Date(),
);
const key = `Basic ${Buffer.from('team.ada:the-key').toString('base64')}`;
let gateway: Server;
let seen: IncomingMessage[];
let opened: { environment: Record<string, string>; wayOut: WayOut } | undefined;

const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

/** Stands in for the proxy of the gateway: it echoes, and refuses one host. */
beforeEach(async () => {
  seen = [];
  gateway = createServer(async (request, response) => {
    seen.push(request);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.writeHead(203, { 'x-answer': 'yes' }).end(`${request.url} ${Buffer.concat(chunks)}`);
  });
  gateway.on('connect', (request, socket) => {
    seen.push(request);
    if (request.url?.startsWith('refused'))
      return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nnot there');
    const [, port] = (request.url ?? '').split(':');
    const target = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const proxy = `http://team.ada:the-key@127.0.0.1:${portOf(gateway)}`;
  opened = await withoutKey({ PATH: '/bin', HTTPS_PROXY: proxy, http_proxy: proxy, NO_PROXY: '' }, 0, log);
});
afterEach(async () => {
  opened?.wayOut.close();
  gateway.closeAllConnections();
  await new Promise((resolve) => gateway.close(resolve));
});

async function curl(...args: string[]): Promise<{ stdout: string; stderr: string; code: number }> {
  const env = { ...opened?.environment, HOME: '/nonexistent' };
  try {
    const done = await promisify(execFile)('curl', ['-sS', '--max-time', '10', ...args], { env });
    return { ...done, code: 0 };
  } catch (error) {
    return error as { stdout: string; stderr: string; code: number };
  }
}

it('nothing of the key is in the environment of what goes out by it', async () => {
  expect(JSON.stringify(opened?.environment)).not.toContain('the-key');
  expect(opened?.environment).toMatchObject({ PATH: '/bin', NO_PROXY: '' });
  const { stdout } = await curl('http://example.test/a?b=c', '-d', 'posted', '-i');
  expect(stdout).toContain('203');
  expect(stdout).toContain('x-answer: yes');
  expect(stdout).toContain('http://example.test/a?b=c posted');
  expect(seen[0]?.headers).toMatchObject({ 'proxy-authorization': key, host: 'example.test' });
});

it('tunnels lead to where they are asked for, and carry what is sent both ways', async () => {
  const target = createTcpServer((socket) => socket.pipe(socket));
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  const { hostname, port } = new URL(opened?.environment.HTTPS_PROXY ?? '');
  const socket = connect(Number(port), hostname);
  // What comes with the request belongs to the tunnel.
  socket.write(`CONNECT target:${portOf(target)} HTTP/1.1\r\nhost: target\r\n\r\nearly`);
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.endsWith('early')) socket.write('late');
    if (text.endsWith('late')) break;
  }
  expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n\r\nearlylate$/);
  expect(seen[0]?.headers['proxy-authorization']).toBe(key);
  target.close();
});

it('what the gateway refuses is refused in its words, and one that is away is said to be', async () => {
  const refused = await curl('https://refused.test/');
  expect(refused.stderr).toContain('403');
  gateway.closeAllConnections();
  await new Promise((resolve) => gateway.close(resolve));
  expect((await curl('https://example.test/')).stderr).toContain('502');
  expect((await curl('http://example.test/', '-i')).stdout).toContain('was not reached');
});

it('where its port is taken, or there is no proxy, everything stays as it is', async () => {
  const { HTTPS_PROXY = '' } = opened?.environment ?? {};
  const proxy = `http://team.ada:the-key@127.0.0.1:${portOf(gateway)}`;
  expect(await withoutKey({ HTTPS_PROXY: proxy }, Number(new URL(HTTPS_PROXY).port), log)).toBeUndefined();
  expect(await withoutKey({ PATH: '/bin' }, 0, log)).toBeUndefined();
});
