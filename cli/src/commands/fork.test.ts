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

const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

it('makes a session that begins with the conversation of another', async () => {
  gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/sessions/review/fork') return false;
    answer(response, 201, { id: 'other', status: 'idle', queued: 0, entries: 4, usage, contextTokens: 0 });
    return true;
  };
  const { code, out } = await person.run('fork', 'ada', 'other', '--session', 'review', '--at', 'e4');
  expect({ code, out }).toEqual({ code: 0, out: 'session other begins with 4 entries of review\n' });
  expect(JSON.parse(gateway.asked.at(-1)?.body ?? '')).toEqual({ session: 'other', at: 'e4' });
});

it('says why not', async () => {
  gateway.intercept = ({ method }, response) => {
    if (method !== 'POST') return false;
    refuse(response, 409, 'conflict', 'There is a session other already.');
    return true;
  };
  expect(await person.run('fork', 'ada', 'other')).toMatchObject({
    code: 7,
    err: 'error: There is a session other already\n',
  });
});
