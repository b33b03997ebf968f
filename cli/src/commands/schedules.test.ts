import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer, GatewayStandIn } from '../testing/gateway-stand-in.ts';
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

function answering(path: string, body: unknown): void {
  gateway.intercept = (asked, response) => {
    if (asked.path !== path) return false;
    answer(response, 200, body);
    return true;
  };
}

it('lists what comes when, and ends one', async () => {
  const nextAt = new Date(person.clock.now() + 90 * 60_000).toISOString();
  const loop = { id: 'ab12', session: 'default', prompt: 'look at the build', rhythm: 'every 2h', nextAt };
  answering('agent/schedules', [loop]);
  expect((await person.run('schedules', 'ada')).out.split('\n')[1]?.split(/ {2,}/)).toEqual([
    'ab12',
    'default',
    'every 2h',
    'in 90m',
    'look at the build',
  ]);
  answering('agent/schedules/ab12', loop);
  expect(await person.run('schedules', 'ada', '--end', 'ab12')).toMatchObject({
    code: 0,
    out: 'ended ab12: every 2h\n',
  });
  expect(gateway.asked.at(-1)?.method).toBe('DELETE');
});

it('says that there is nothing', async () => {
  answering('agent/schedules', []);
  expect(await person.run('schedules', 'ada')).toMatchObject({
    out: '',
    err: 'nothing is scheduled in ada\n',
  });
});
