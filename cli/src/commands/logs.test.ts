import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer } from '../../../test/support/api-server/index.ts';
import { Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
});
afterEach(() => person[Symbol.asyncDispose]());

const ofPod = { matches: ({ subresource }: { subresource: string | undefined }) => subresource === 'log' };

describe('logs', () => {
  it('passes on what the pod log says, of the container and from where it is asked', async () => {
    person.workspace('ada', { status: { phase: 'Running' } });
    person.server.misbehave({ ...ofPod, respond: (response) => response.end('one\ntwo\n') });
    const { code, out } = await person.run('logs', 'ada', '-c', 'workspace', '--tail', '2', '-f');
    expect({ code, out }).toEqual({ code: 0, out: 'one\ntwo\n' });
    const { path, query } = person.server.requests.at(-1) ?? {};
    expect(path).toBe('/api/v1/namespaces/team/pods/ada/log');
    expect(String(query)).toBe('container=workspace&follow=true&tailLines=2');
  });

  it('says that a workspace which sleeps has none, and how to wake it', async () => {
    person.workspace('ada', { status: { phase: 'Suspended', suspendedSince: '2029-12-31T21:00:00Z' } });
    const { code, err } = await person.run('logs', 'ada');
    expect(code).toBe(1);
    expect(err).toContain('sleeps since 3h: there is no pod, and so no log');
    expect(err).toContain('dormouse wake ada --wait');
  });

  it('says why there is none yet', async () => {
    const conditions = [{ type: 'Asleep', status: 'False', reason: 'Starting', message: '' }];
    person.workspace('ada', { status: { phase: 'Starting', conditions } });
    person.server.misbehave({ ...ofPod, respond: answer(404, 'NotFound') });
    expect(await person.run('logs', 'ada')).toMatchObject({
      code: 1,
      err: expect.stringContaining('is Starting and has no log yet: The workspace is waking up.'),
    });
  });

  it('names the right that is missing', async () => {
    person.workspace('ada', { status: { phase: 'Running' } });
    person.server.misbehave({ ...ofPod, respond: answer(403, 'Forbidden') });
    expect(await person.run('logs', 'ada')).toMatchObject({ code: 4 });
  });

  it('ends with Ctrl-C', async () => {
    person.workspace('ada', { status: { phase: 'Running' } });
    person.server.misbehave({ ...ofPod, respond: (response) => response.write('one\n') });
    const following = person.start('logs', 'ada', '--follow');
    await expect.poll(() => following.out()).toBe('one\n');
    following.interrupt();
    expect(await following.ended).toMatchObject({ code: 130 });
  });
});
