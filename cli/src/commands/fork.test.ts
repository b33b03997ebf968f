import { expect, it } from 'vitest';
import { answer, refuse } from '../testing/gateway-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();

const usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

it('makes a session that begins with the conversation of another', async () => {
  here.gateway.intercept = ({ path }, response) => {
    if (path !== 'agent/sessions/review/fork') return false;
    answer(response, 201, { id: 'other', status: 'idle', queued: 0, entries: 4, usage, contextTokens: 0 });
    return true;
  };
  const { code, out } = await here.person.run('fork', 'ada', 'other', '--session', 'review', '--at', 'e4');
  expect({ code, out }).toEqual({ code: 0, out: 'session other begins with 4 entries of review\n' });
  expect(JSON.parse(here.gateway.asked.at(-1)?.body ?? '')).toEqual({ session: 'other', at: 'e4' });
});

it('says why not', async () => {
  here.gateway.intercept = ({ method }, response) => {
    if (method !== 'POST') return false;
    refuse(response, 409, 'conflict', 'There is a session other already.');
    return true;
  };
  expect(await here.person.run('fork', 'ada', 'other')).toMatchObject({
    code: 7,
    err: 'error: There is a session other already\n',
  });
});
