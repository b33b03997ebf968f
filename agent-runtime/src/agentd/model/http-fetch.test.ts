import { expect, it } from 'vitest';
import { serve } from '../testing/serve.ts';
import { HttpFetch } from './http-fetch.ts';

const { fetch } = new HttpFetch(60_000);

it('sends a text and gives the answer piece by piece', async () => {
  let goOn: (() => void) | undefined;
  const url = await serve((request, response) => {
    request.setEncoding('utf8').on('data', (asked) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'set-cookie': ['a=1', 'b=2'] });
      response.write(
        `${request.method} ${request.headers['x-key']} ${request.headers['content-length']} ${asked}`,
      );
      goOn = () => response.end('the rest');
    });
  });
  const headers = new Headers({ 'x-key': 'k' });
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: 'grüße' });
  expect(answer).toMatchObject({ ok: true, status: 200, statusText: 'OK' });
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
  const pieces: string[] = [];
  for await (const piece of answer.body as ReadableStream<Uint8Array>) {
    pieces.push(Buffer.from(piece).toString('utf8'));
    goOn?.();
  }
  expect(pieces).toEqual(['POST k 7 grüße', 'the rest']);
});

it('asks again over the same connection', async () => {
  const ports = new Set<number | undefined>();
  const url = await serve(({ socket }, response) => {
    ports.add(socket.remotePort);
    response.end('{"n":1}');
  });
  for (let n = 0; n < 3; n += 1) expect(await (await fetch(url)).json()).toEqual({ n: 1 });
  expect(ports.size).toBe(1);
});

it('follows no redirect, and takes answers that are errors or have no body as they are', async () => {
  const url = await serve(({ url: path }, response) => {
    response.writeHead(Number(path?.slice(1)), { location: '/200', 'retry-after': '7' }).end();
  });
  for (const status of [204, 302, 304, 529]) {
    const answer = await fetch(`${url}/${status}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('retry-after')).toBe('7');
    expect(await answer.text()).toBe('');
  }
  await expect(fetch(`${url}/999`)).rejects.toThrow('could not be asked');
});

it('says who did not answer', async () => {
  await expect(fetch('http://127.0.0.1:1/v1')).rejects.toThrow(
    /^127\.0\.0\.1:1 could not be asked: .*ECONNREFUSED/,
  );
  const url = await serve(({ socket }) => socket.destroy());
  await expect(fetch(url)).rejects.toThrow('could not be asked: socket hang up');
});

it('ends with the reason of its signal before the answer, and ends the body after it', async () => {
  const abort = new AbortController();
  const silent = await serve(() => abort.abort(new Error('enough')));
  await expect(fetch(silent, { signal: abort.signal })).rejects.toThrow('enough');
  const later = new AbortController();
  const url = await serve((_request, response) => void response.write('a part'));
  const answer = await fetch(url, { signal: later.signal });
  later.abort(new Error('enough'));
  await expect(answer.text()).rejects.toThrow();
});

it('does not take an answer that breaks off for a whole one, nor waits for one that stops', async () => {
  const cut = await serve(({ socket }, response) => response.write('a part', () => socket.destroy()));
  await expect(fetch(cut).then((answer) => answer.text())).rejects.toThrow(
    /^the answer of 127\.0\.0\.1:\d+ broke off/,
  );
  const stopped = await serve((_request, response) => void response.write('a part'));
  const impatient = new HttpFetch(50);
  await expect(impatient.fetch(stopped).then((answer) => answer.text())).rejects.toThrow(
    'broke off: nothing came for 50 ms',
  );
  const silent = await serve(() => undefined);
  await expect(impatient.fetch(silent)).rejects.toThrow('nothing came for 50 ms');
});
