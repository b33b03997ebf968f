import { beforeEach, expect, it } from 'vitest';
import { withGatewayStandIn } from '../testing/with-gateway.ts';

const here = withGatewayStandIn();
beforeEach(() => {
  here.gateway.entries.set('default', [
    { uuid: 'a', messageKey: 'm1', message: { role: 'user', content: 'hello' } },
    { uuid: 'b', message: { role: 'assistant', content: [{ type: 'text', text: 'hi' }] } },
  ]);
});

it('is written to read, or with everything that is known', async () => {
  expect((await here.person.run('transcript', 'ada')).out).toBe(
    '# ada: default\n\n## User\n\nhello\n\n## Agent\n\nhi\n',
  );
  const { out } = await here.person.run('transcript', 'ada', '--format', 'jsonl');
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).uuid),
  ).toEqual(['a', 'b']);
});

it('of a session that there is not is not found', async () => {
  const { code, err } = await here.person.run('transcript', 'ada', '--session', 'other');
  expect({ code, err: err.includes('no session "other"') }).toEqual({ code: 3, err: true });
});
