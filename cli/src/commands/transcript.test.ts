import { afterEach, beforeEach, expect, it } from 'vitest';
import { GatewayStandIn } from '../testing/gateway-stand-in.ts';
import { Person } from '../testing/person.ts';

let person: Person;
let gateway: GatewayStandIn;
beforeEach(async () => {
  person = await Person.atKeyboard();
  gateway = await GatewayStandIn.open();
  person.env = { DORMOUSE_GATEWAY: gateway.url };
  person.token = 'good';
  person.workspace('ada', { status: { phase: 'Running' } });
  gateway.entries.set('default', [
    { uuid: 'a', messageKey: 'm1', message: { role: 'user', content: 'hello' } },
    { uuid: 'b', message: { role: 'assistant', content: [{ type: 'text', text: 'hi' }] } },
  ]);
});
afterEach(async () => {
  await gateway[Symbol.asyncDispose]();
  await person[Symbol.asyncDispose]();
});

it('is written to read, or with everything that is known', async () => {
  expect((await person.run('transcript', 'ada')).out).toBe(
    '# ada: default\n\n## User\n\nhello\n\n## Agent\n\nhi\n',
  );
  const { out } = await person.run('transcript', 'ada', '--format', 'jsonl');
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).uuid),
  ).toEqual(['a', 'b']);
});

it('of a session that there is not is not found', async () => {
  const { code, err } = await person.run('transcript', 'ada', '--session', 'other');
  expect({ code, err: err.includes('no session "other"') }).toEqual({ code: 3, err: true });
});
