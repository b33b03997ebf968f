import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import type { Running } from '../testing/person.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const services = [
  { name: 'web', command: ['web'], port: 0, restart: 'Always' },
  { name: 'cron', command: ['cron'], restart: 'Always' },
];
const here = withGatewayStandIn({ spec: { services }, status: { phase: 'Suspended' } });
let running: Running | undefined;
afterEach(async () => {
  running?.interrupt();
  await running?.ended;
  running = undefined;
});

const prefix = '/v1/namespaces/team/workspaces/ada/ports/web';

async function forwarded(...args: string[]): Promise<string> {
  running = here.person.start('port-forward', 'ada', ...args);
  await expect.poll(() => running?.err()).toContain('Ctrl-C');
  return /http:\/\/\S+/.exec(running.out())?.[0] ?? '';
}

describe('port-forward', () => {
  it('passes requests on with the token, and answers back', async () => {
    const url = await forwarded('web');
    here.gateway.intercept = ({ body }, response) => {
      response.writeHead(201, { 'x-own': 'yes', 'content-type': 'text/plain' }).end(`got ${body}`);
      return true;
    };
    const answer = await fetch(`${url}/a/b?c=d`, {
      method: 'POST',
      body: 'a body',
      headers: { 'x-mine': '1', cookie: 'secret=1', origin: url },
    });
    expect([answer.status, answer.headers.get('x-own'), await answer.text()]).toEqual([
      201,
      'yes',
      'got a body',
    ]);
    const [asked] = here.gateway.asked;
    expect(asked).toMatchObject({ method: 'POST', path: 'ports/web/a/b?c=d', body: 'a body' });
    expect(asked?.headers).toMatchObject({ authorization: 'Bearer good', 'x-mine': '1' });
    expect(asked?.headers).not.toHaveProperty('cookie');
    expect(asked?.headers).not.toHaveProperty('origin');
  });

  it('has the paths of the service as its own, in redirects and in links that know the prefix', async () => {
    const url = await forwarded('web');
    here.gateway.intercept = (_asked, response) => {
      response.writeHead(302, { location: `${prefix}/login` }).end();
      return true;
    };
    const moved = await fetch(`${url}/`, { redirect: 'manual' });
    expect(moved.headers.get('location')).toBe('/login');
    await fetch(`${url}${prefix}/style.css`, { redirect: 'manual' });
    expect(here.gateway.asked.map(({ path }) => path)).toEqual(['ports/web/', 'ports/web/style.css']);
  });

  it('joins WebSockets', async () => {
    const url = await forwarded('web');
    const server = new WebSocketServer({ noServer: true });
    const tokens: unknown[] = [];
    here.gateway.upgrade = (request, socket, head) => {
      tokens.push(request.headers.authorization, request.url);
      server.handleUpgrade(request, socket, head, (client) => {
        client.on('message', (data) => client.send(`echo ${data}`));
      });
    };
    const client = new WebSocket(`${url.replace('http', 'ws')}/live`);
    await once(client, 'open');
    client.send('hello');
    expect(String((await once(client, 'message'))[0])).toBe('echo hello');
    expect(tokens).toEqual(['Bearer good', `${prefix}/live`]);
    client.terminate();
  });

  it('is for this machine and its pages alone', async () => {
    const url = await forwarded('web');
    const foreign = await fetch(url, { headers: { origin: 'https://evil.example' } });
    expect([foreign.status, await foreign.text()]).toEqual([403, expect.stringContaining('evil.example')]);
    // fetch sets the name itself, so by hand.
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1').end(
      'GET / HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n',
    );
    let said = '';
    for await (const chunk of socket) said += chunk;
    expect(said).toMatch(/^HTTP\/1.1 403 /);
    const upgrade = new WebSocket(url.replace('http', 'ws'), { origin: 'https://evil.example' });
    expect(String((await once(upgrade, 'error'))[0])).toContain('403');
    expect(here.gateway.asked).toEqual([]);
  });

  it('says in the answer what stands in the way', async () => {
    const url = await forwarded('web');
    await here.gateway.close();
    const answer = await fetch(url);
    expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining('ECONNREFUSED')]);
  });

  it('takes a port that is asked for, and says when it cannot', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const { code, err } = await here.person.run('port-forward', 'ada', `${port}:web`);
    expect(code).toBe(1);
    expect(err).toContain(`port ${port} of this machine cannot be used`);
    taken.close();
    await once(taken, 'close');
    expect(await forwarded(`${port}:web`)).toBe(`http://127.0.0.1:${port}`);
  });

  it('ends well with Ctrl-C, and knows which services there are', async () => {
    await forwarded('web');
    running?.interrupt();
    expect((await running?.ended)?.code).toBe(0);
    expect(await here.person.run('port-forward', 'ada', 'cron')).toMatchObject({
      code: 3,
      err: expect.stringContaining('has no service "cron" with a port; it has: web'),
    });
    expect(await here.person.run('port-forward', 'ada', '1:2:web')).toMatchObject({ code: 2 });
  });
});
