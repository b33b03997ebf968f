import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', { status: { messages: { pending: 1, working: 0 } } });
});
afterEach(() => person[Symbol.asyncDispose]());

const stored = () => person.server.objects.get(collections.workspaces, 'team/ada');

describe('delete', () => {
  it('says what becomes of the files before it asks, and takes only yes for yes', async () => {
    person.terminal.in = true;
    person.answer = '';
    const refused = await person.run('delete', 'ada');
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('are deleted with it: the PersistentVolumeClaim "ada" (2Gi)');
    expect(refused.err).toContain('1 open message fails');
    expect(stored()).toBeDefined();

    person.answer = 'y';
    expect(await person.run('delete', 'ada')).toMatchObject({ code: 0, out: 'ada is being deleted\n' });
    expect(person.asked).toHaveLength(2);
    expect(stored()).toBeUndefined();
  });

  it('says that the claim stays where it is retained', async () => {
    person.workspace('ada', { spec: { storage: { size: '2Gi', retain: 'Retain' } } });
    expect((await person.run('delete', 'ada', '--yes', '--wait')).err).toContain('(2Gi) is kept');
    expect(person.asked).toEqual([]);
  });

  it('deletes nothing where nobody can be asked', async () => {
    expect(await person.run('delete', 'ada')).toMatchObject({
      code: 2,
      err: expect.stringContaining('dormouse delete ada --yes'),
    });
    expect(stored()).toBeDefined();
  });
});
