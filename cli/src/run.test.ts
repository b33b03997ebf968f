import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, cut } from '../../test/support/api-server/index.ts';
import { examplesOf } from './commands/command.ts';
import { program } from './program.ts';
import { noSurroundings } from './reference/no-surroundings.ts';
import { Person } from './testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
});
afterEach(() => person[Symbol.asyncDispose]());

const commands = program(noSurroundings).commands.map((command) => ({ name: command.name(), command }));

describe('the exit code', () => {
  it('is 0 for help, and 2 for a command line that is not valid, with a hint', async () => {
    expect(await person.run('--help')).toMatchObject({ code: 0, err: '' });
    const unknown = await person.run('lss');
    expect(unknown).toMatchObject({ code: 2, out: '' });
    expect(unknown.err).toContain('Did you mean ls?');
    expect(await person.run('wake', 'ada', '--for', 'long')).toMatchObject({
      code: 2,
      err: expect.stringContaining('It must be a duration such as 30s'),
    });
    expect(await person.run('ls', '-o', 'xml')).toMatchObject({ code: 2 });
  });

  it('is 3 where the workspace does not exist, and says how to find or make it', async () => {
    const { code, err } = await person.run('describe', 'ada');
    expect(code).toBe(3);
    expect(err).toContain('workspace "ada" does not exist in namespace "team"');
    expect(err).toContain('dormouse ls --namespace team');
  });

  it('is 3 where Dormouse is not installed, and says how to install it', async () => {
    // Of a kind that it does not know the API server answers with plain text.
    person.server.misbehave({
      respond: (response) =>
        response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n'),
    });
    const { code, err } = await person.run('ls');
    expect(code).toBe(3);
    expect(err).toContain('Dormouse is not installed in this cluster');
    expect(err).toContain('helm install dormouse');
  });

  it('is 4 where a right or a login is missing', async () => {
    person.server.misbehave({ times: 2, respond: answer(401, 'Unauthorized') });
    const { code, err } = await person.run('ls');
    expect(code).toBe(4);
    expect(err).toContain('kubectl auth whoami');
  });

  it('is 6 where the API server does not answer', async () => {
    person.server.misbehave({ times: 10, respond: cut });
    const { code, err } = await person.run('ls');
    expect(code).toBe(6);
    expect(err).toMatch(/the API server http:\S+ does not answer/);
    expect(err).toContain('kubectl config current-context');
  });

  it('is 7 for what the API server refuses, with its own sentence', async () => {
    person.workspace('ada');
    expect(await person.run('new', 'ada')).toMatchObject({
      code: 7,
      err: expect.stringContaining('"ada" already exists'),
    });
  });

  it('is 130 after Ctrl-C', async () => {
    person.workspace('ada');
    const watching = person.start('ls', '--watch');
    await expect.poll(() => person.server.openWatches).toBe(1);
    watching.interrupt();
    expect(await watching.ended).toMatchObject({ code: 130, err: expect.stringContaining('interrupted') });
  });
});

describe('the help', () => {
  it('names every command and every exit code', async () => {
    const { out } = await person.run('--help');
    for (const { name } of commands) expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 70, 130])
      expect(out).toMatch(new RegExp(`^ +${code}  `, 'm'));
  });

  it.each(commands)(
    'of $name has an example, and the options that say which cluster',
    async ({ name, command }) => {
      const { code, out } = await person.run(name, '--help');
      expect(code).toBe(0);
      expect(examplesOf(command).length).toBeGreaterThan(0);
      for (const [line] of examplesOf(command)) expect(out).toContain(line);
      expect(out).toContain('--namespace');
    },
  );
});
