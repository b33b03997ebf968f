import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer, GatewayStandIn, refuse } from '../testing/gateway-stand-in.ts';
import { Person } from '../testing/person.ts';

let person: Person;
let gateway: GatewayStandIn;
beforeEach(async () => {
  person = await Person.atKeyboard();
  gateway = await GatewayStandIn.open();
  person.env = { DORMOUSE_GATEWAY: gateway.url };
  person.token = 'good';
  person.workspace('ada', { status: { phase: 'Running' } });
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await person[Symbol.asyncDispose]();
});

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
  gateway.intercept = (asked, response) => {
    if (asked.path !== path) return false;
    answer(response, 200, body);
    return true;
  };
}

it('lists sessions with how full their context is, and what the cache had of it', async () => {
  answering('agent/sessions', [session]);
  const { out } = await person.run('sessions', 'ada', '-o', 'wide');
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
  expect(await person.run('sessions', 'ada', 'review', '--title', 'the release')).toMatchObject({
    code: 0,
    out: 'session review is called "the release"\n',
  });
  expect(gateway.asked.at(-1)).toMatchObject({ method: 'PATCH', body: '{"title":"the release"}' });
  answering('agent/sessions/review/rewind', session);
  expect(await person.run('sessions', 'ada', 'review', '--rewind', 'm2')).toMatchObject({
    code: 0,
    out: 'session review goes on from before message m2\n',
  });
  expect(gateway.asked.at(-1)).toMatchObject({ method: 'POST', body: '{"message":"m2","files":false}' });
});

it('puts files back where that is asked for, and says which', async () => {
  const left = [{ path: '/home/agent/c', reason: 'something else has changed it since' }];
  const files = { restored: ['/home/agent/a'], removed: ['/home/agent/b'], left };
  answering('agent/sessions/review/rewind', { ...session, files });
  expect(await person.run('sessions', 'ada', 'review', '--rewind', 'm2', '--files')).toMatchObject({
    code: 0,
    out:
      'session review goes on from before message m2\nput back: /home/agent/a\nremoved: /home/agent/b\n' +
      'left as it is: /home/agent/c: something else has changed it since\n',
  });
  expect(gateway.asked.at(-1)).toMatchObject({ method: 'POST', body: '{"message":"m2","files":true}' });
});

it('says why not, and what is missing', async () => {
  gateway.intercept = ({ method }, response) => {
    if (method !== 'POST') return false;
    refuse(response, 409, 'conflict', 'Session review works on a message: stop it, or wait for its end.');
    return true;
  };
  const { code, err } = await person.run('sessions', 'ada', 'review', '--rewind', 'm2');
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
    expect((await person.run('sessions', 'ada', ...args)).code).toBe(2);
});
