import { expect, it } from 'vitest';
import { answer, refuse } from '../testing/gateway-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();

const session = {
  id: 'review',
  status: 'idle',
  queued: 0,
  entries: 4,
  title: 'the release',
  contextTokens: 1200,
  usage: { inputTokens: 10, outputTokens: 30, cacheReadTokens: 80, cacheWriteTokens: 10 },
};

function answering(path: string, body: unknown): void {
  here.gateway.intercept = (asked, response) => {
    if (asked.path !== path) return false;
    answer(response, 200, body);
    return true;
  };
}

it('lists sessions with how full their context is, and what the cache had of it', async () => {
  answering('agent/sessions', [session]);
  const { out } = await here.person.run('sessions', 'ada', '-o', 'wide');
  const [head, row] = out.split('\n');
  expect(head?.split(/ {2,}/)).toEqual([
    'SESSION',
    'STATUS',
    'ENTRIES',
    'CONTEXT',
    'CACHED',
    'LAST',
    'TITLE',
    'INPUT',
    'OUTPUT',
    'FORKED-FROM',
  ]);
  expect(row?.split(/ {2,}/)).toEqual([
    'review',
    'idle',
    '4',
    '1200',
    '80%',
    '-',
    'the release',
    '100',
    '30',
    '-',
  ]);
});

it('names one, and takes messages back', async () => {
  answering('agent/sessions/review', session);
  expect(await here.person.run('sessions', 'ada', 'review', '--title', 'the release')).toMatchObject({
    code: 0,
    out: 'session review is called "the release"\n',
  });
  expect(here.gateway.asked.at(-1)).toMatchObject({ method: 'PATCH', body: '{"title":"the release"}' });
  answering('agent/sessions/review/rewind', session);
  expect(await here.person.run('sessions', 'ada', 'review', '--rewind', 'm2')).toMatchObject({
    code: 0,
    out: 'session review goes on from before message m2\n',
  });
  expect(here.gateway.asked.at(-1)).toMatchObject({ method: 'POST', body: '{"message":"m2","files":false}' });
});

it('puts files back where that is asked for, and says which', async () => {
  const left = [{ path: '/home/agent/c', reason: 'something else has changed it since' }];
  const files = { restored: ['/home/agent/a'], removed: ['/home/agent/b'], left };
  answering('agent/sessions/review/rewind', { ...session, files });
  expect(await here.person.run('sessions', 'ada', 'review', '--rewind', 'm2', '--files')).toMatchObject({
    code: 0,
    out:
      'session review goes on from before message m2\nput back: /home/agent/a\nremoved: /home/agent/b\n' +
      'left as it is: /home/agent/c: something else has changed it since\n',
  });
  expect(here.gateway.asked.at(-1)).toMatchObject({ method: 'POST', body: '{"message":"m2","files":true}' });
});

it('says why not, and what is missing', async () => {
  here.gateway.intercept = ({ method }, response) => {
    if (method !== 'POST') return false;
    refuse(response, 409, 'conflict', 'Session review works on a message: stop it, or wait for its end.');
    return true;
  };
  const { code, err } = await here.person.run('sessions', 'ada', 'review', '--rewind', 'm2');
  expect({ code, err }).toEqual({
    code: 7,
    err: 'error: Session review works on a message: stop it, or wait for its end\n',
  });
  for (const args of [
    ['--title', 'x'],
    ['review'],
    ['review', '--files'],
    ['review', '--title', 'x', '--rewind', 'm'],
  ])
    expect((await here.person.run('sessions', 'ada', ...args)).code).toBe(2);
});
