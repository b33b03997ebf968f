import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readNdjson, ToolsClient } from '../../agentd/tools/tools-client.ts';
import { environmentResult, outboundAnswer, type PipeEvent, pipeEvent } from '../../protocol/pipes.ts';
import { stopResult } from '../../protocol/tools-api.ts';
import { readProcess } from '../process/table.ts';

/** The real daemon, asked by the client that agentd has. */
let base: string;
let client: ToolsClient;
let stop: () => Promise<void>;

async function start(env: Record<string, string> = {}): Promise<void> {
  const socketPath = join(base, 'tools.sock');
  const daemon = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DORMOUSE_TOOLS_SOCKET: socketPath,
      DORMOUSE_HOME: join(base, 'home'),
      DORMOUSE_PROCESSES: join(base, 'processes'),
      ...env,
    },
  });
  for await (const line of createInterface({ input: daemon.stdout })) {
    if (JSON.parse(line).msg === 'ready') break;
  }
  daemon.stdout.resume();
  client = new ToolsClient(socketPath);
  stop = async () => {
    client.close();
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exited;
  };
}

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'pipes-')));
  await mkdir(join(base, 'home'));
});
afterEach(async () => {
  await stop();
  await rm(base, { recursive: true, force: true });
});

function events(answer: Parameters<typeof readNdjson>[0]): { seen: PipeEvent[]; over: Promise<void> } {
  const seen: PipeEvent[] = [];
  return { seen, over: readNdjson(answer, pipeEvent, (event) => void seen.push(event)) };
}

const printed = (seen: PipeEvent[], stream: string) =>
  seen.flatMap((event) => (event.type === 'output' && event.stream === stream ? event.text : [])).join('');

describe('a piped program', () => {
  test('gets what is sent, says what it prints while more is sent, and how it ended', async () => {
    await start({ FROM_IMAGE: 'yes' });
    const script = 'echo "$FROM_IMAGE $EXTRA $1" >&2; read line; echo "got $line"; cat; exit 3';
    const head = { command: 'bash', args: ['-c', script, 'x', 'arg'], env: { EXTRA: 'more' } };
    const { input, answer } = await client.converse('/pipes', head);
    const { seen, over } = events(answer);
    input.write('héllo\n');
    await expect.poll(() => printed(seen, 'stdout')).toBe('got héllo\n');
    input.end('the rest');
    await over;
    expect(printed(seen, 'stdout')).toBe('got héllo\nthe rest');
    expect(printed(seen, 'stderr')).toBe('yes more arg\n');
    expect(seen.at(-1)).toEqual({ type: 'exit', code: 3, signal: null });
  });

  test('passes a megabyte each way without holding it', async () => {
    await start();
    const { input, answer } = await client.converse('/pipes', { command: 'cat', args: [] });
    const { seen, over } = events(answer);
    input.end('0123456789abcdef'.repeat(65_536));
    await over;
    expect(printed(seen, 'stdout').length).toBe(1024 * 1024);
  });

  test('that cannot be started says so', async () => {
    await start();
    await expect(client.converse('/pipes', { command: 'no-such-program', args: [] })).rejects.toThrow(
      'no-such-program cannot be started: there is no such program',
    );
    await expect(client.converse('/pipes', { args: [] })).rejects.toThrow('first line of the request');
  });

  test('ends with all that it started when the connection is closed, and before a sleep', async () => {
    await start();
    for (const how of ['closed', 'asleep']) {
      const controller = new AbortController();
      const script = 'sleep 1000 & echo $!; wait';
      const head = { command: 'bash', args: ['-c', script] };
      const { answer } = await client.converse('/pipes', head, { signal: controller.signal });
      const { seen, over } = events(answer);
      const ended = expect(over).rejects.toThrow();
      await expect.poll(() => printed(seen, 'stdout')).toMatch(/\d+\n/);
      const pid = Number(printed(seen, 'stdout'));
      expect(readProcess(pid)).toBeDefined();
      if (how === 'closed') controller.abort();
      else await client.call('POST', '/checkpoint', {}, stopResult);
      await ended;
      await expect.poll(() => readProcess(pid)?.state ?? 'Z').toBe('Z');
    }
    await expect(client.converse('/pipes', { command: 'cat', args: [] })).rejects.toThrow('going to sleep');
  });
});

describe('a request out of the workspace', () => {
  let server: Server;
  const seen: { method: string; url: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  beforeEach(async () => {
    seen.length = 0;
    server = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: await text(request) });
      response.writeHead(418, { 'x-answer': 'yes' });
      response.end('short and stout');
    });
    // A proxy too: CONNECT joins to itself.
    server.on('connect', (request, socket) => {
      seen.push({ method: 'CONNECT', url: request.url ?? '', headers: request.headers, body: '' });
      const upstream = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      for (const each of [socket, upstream]) each.on('error', () => upstream.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());
  const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function send(url: string, method = 'POST', body = '') {
    const head = {
      method,
      url,
      headers: [
        ['x-mine', 'a'],
        ['Connection', 'close'],
        ['Host', 'other'],
      ],
    };
    const { answer } = await client.converse('/outbound', head, { body });
    const all = await text(answer);
    const end = all.indexOf('\n');
    return { ...outboundAnswer.parse(JSON.parse(all.slice(0, end))), body: all.slice(end + 1) };
  }

  test('goes as it is said, and its answer comes as it is', async () => {
    await start();
    const answer = await send(`${origin()}/path?q=1`, 'POST', 'the body');
    expect(answer).toMatchObject({ status: 418, body: 'short and stout' });
    expect(answer.headers).toContainEqual(['x-answer', 'yes']);
    expect(seen).toMatchObject([
      { method: 'POST', url: '/path?q=1', body: 'the body', headers: { 'x-mine': 'a' } },
    ]);
    expect(seen[0]?.headers.host).toBe(new URL(origin()).host);
  });

  test('goes by the proxy of the workspace, with its credential, and to the pod itself without it', async () => {
    const proxy = new URL(origin());
    proxy.username = 'team.demo';
    proxy.password = 'secret';
    await start({ HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href, NO_PROXY: '127.0.0.1' });
    await send('http://mcp.example.com/mcp', 'GET');
    expect(seen[0]).toMatchObject({ url: 'http://mcp.example.com/mcp' });
    expect(seen[0]?.headers['proxy-authorization']).toBe(`Basic ${btoa('team.demo:secret')}`);
    seen.length = 0;
    await expect(send('https://mcp.example.com/mcp')).rejects.toThrow('cannot be reached');
    expect(seen[0]).toMatchObject({ method: 'CONNECT', url: 'mcp.example.com:443' });
    seen.length = 0;
    await send(`${origin()}/local`, 'GET');
    expect(seen[0]).toMatchObject({ url: '/local' });
  });

  test('to where nobody listens is refused with a sentence', async () => {
    await start();
    await expect(send('http://127.0.0.1:1/')).rejects.toThrow('http://127.0.0.1:1 cannot be reached');
    await expect(send('file:///etc/passwd')).rejects.toThrow('url');
  });
});

test('the environment is that of a command, without what concerns workspaced alone', async () => {
  await start({ FROM_IMAGE: 'yes' });
  const environment = await client.call('GET', '/environment', undefined, environmentResult);
  expect(environment).toMatchObject({ FROM_IMAGE: 'yes', HOME: join(base, 'home') });
  expect(Object.keys(environment).filter((name) => name.startsWith('DORMOUSE_'))).toEqual([]);
});
