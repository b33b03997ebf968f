import { expect, it } from 'vitest';
import { answer } from '../testing/gateway-stand-in.ts';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();

function answering(path: string, body: unknown): void {
  here.gateway.intercept = (asked, response) => {
    if (asked.path !== path) return false;
    answer(response, 200, body);
    return true;
  };
}

it('lists what comes when, and ends one', async () => {
  const nextAt = new Date(here.person.clock.now() + 90 * 60_000).toISOString();
  const loop = { id: 'ab12', session: 'default', prompt: 'look at the build', rhythm: 'every 2h', nextAt };
  answering('agent/schedules', [loop]);
  expect((await here.person.run('schedules', 'ada')).out.split('\n')[1]?.split(/ {2,}/)).toEqual([
    'ab12',
    'default',
    'every 2h',
    'in 90m',
    'look at the build',
  ]);
  answering('agent/schedules/ab12', loop);
  expect(await here.person.run('schedules', 'ada', '--end', 'ab12')).toMatchObject({
    code: 0,
    out: 'ended ab12: every 2h\n',
  });
  expect(here.gateway.asked.at(-1)?.method).toBe('DELETE');
});

it('says that there is nothing', async () => {
  answering('agent/schedules', []);
  expect(await here.person.run('schedules', 'ada')).toMatchObject({
    out: '',
    err: 'nothing is scheduled in ada\n',
  });
});
