import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchPage } from './fetch.ts';
import { readable } from './readable.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const get = (url: string, environment: NodeJS.ProcessEnv = {}) =>
  fetchPage({ url }, { environment }, AbortSignal.timeout(10_000));

describe('a page', () => {
  it('becomes text, packed or not', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-encoding': 'gzip' });
      response.end(
        gzipSync(
          '<title>t</title><nav>menu</nav><h1>Head</h1><p>One <a href="/x">link</a></p><script>no</script>',
        ),
      );
    });
    const page = await get(`${url}/a`);
    expect(page).toMatchObject({ status: 200, url: `${url}/a`, truncated: false });
    expect(page.text).toBe('t\n\n# Head\n\nOne [link](/x)');
  });

  it('is fetched by the proxy that the environment names, with what it wants to be shown', async () => {
    const seen: unknown[] = [];
    const proxy = await serve((request, response) => {
      seen.push(request.url, request.headers['proxy-authorization']);
      response.writeHead(200, { 'content-type': 'text/plain' }).end('by the proxy');
    });
    const url = 'http://outside.example/page';
    const page = await get(url, { HTTP_PROXY: proxy.replace('//', '//team.demo:key@') });
    expect(page.text).toBe('by the proxy');
    expect(seen).toEqual([url, `Basic ${Buffer.from('team.demo:key').toString('base64')}`]);
  });

  it('that the proxy refuses is told in the words of the proxy', async () => {
    const proxy = await serve((_, response) => {
      response.writeHead(403, { 'content-type': 'text/plain', 'proxy-status': 'gateway; error=denied' });
      response.end('ask for spec.egress.allow');
    });
    const page = get('http://outside.example/', { HTTP_PROXY: proxy });
    await expect(page).rejects.toThrow('could not be fetched: ask for spec.egress.allow');
  });

  it('is followed on its own host, and to no other', async () => {
    const url = await serve((request, response) => {
      const location = request.url === '/one' ? '/two' : 'http://other.example/three';
      response.writeHead(302, { location }).end();
    });
    expect(await get(`${url}/one`)).toMatchObject({
      url: `${url}/two`,
      redirect: 'http://other.example/three',
    });
  });

  it('that leads round in circles, is no text, or is not there says so', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/round') response.writeHead(302, { location: '/round' }).end();
      else response.writeHead(200, { 'content-type': 'image/png' }).end('x');
    });
    await expect(get(`${url}/round`)).rejects.toThrow('redirects more than 5 times');
    await expect(get(`${url}/image`)).rejects.toThrow('image/png, which is no text');
    await expect(get('http://127.0.0.1:9/')).rejects.toThrow('http://127.0.0.1:9/ could not be fetched');
  });

  it('is cut where it is too long', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.end('x'.repeat(4_000_000));
    });
    const { text, truncated } = await get(url);
    expect({ length: text.length, truncated }).toEqual({ length: 100_000, truncated: true });
  });
});

describe('the text of a page', () => {
  it.each([
    ['application/json', '{"a":1}', '{"a":1}'],
    ['text/markdown', '# a', '# a'],
    ['text/plain; charset=iso-8859-1', Buffer.from([0xe4]), 'ä'],
    ['text/plain; charset=nonsense', 'a', 'a'],
    ['application/pdf', '%PDF', undefined],
    ['', Buffer.from([0, 1]), undefined],
  ])('of the type %s', (type, body, text) => {
    expect(readable(Buffer.from(body as string), type)?.text).toBe(text);
  });

  it('keeps lists, tables, code and what stands beside a link', () => {
    const page =
      '<ul><li>one</li><li>two <b>bold</b>, <a href="https://a.example/">there</a>.</li></ul><table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table><pre>if (a) {\n  b &lt; 1\n}</pre><a href="#top">up</a><a href="javascript:x">no</a><br>end';
    expect(readable(Buffer.from(page), 'text/html')?.text).toBe(
      '- one\n- two bold, [there](https://a.example/).\n\n| A | B\n| 1 | 2\n\n```\nif (a) {\n  b < 1\n}\n```\n\nupno\nend',
    );
  });

  it('ends where a page was made to take long', () => {
    const page = `<p>first${'<div>'.repeat(500_000)}deep`;
    expect(readable(Buffer.from(page), 'text/html')).toEqual({ text: 'first', truncated: true });
  });
});
