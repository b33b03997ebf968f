import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answer, cut, hang } from '../../../test/support/api-server/index.ts';
import { collections, Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada', { status: { phase: 'Suspended' } });
});
afterEach(() => person[Symbol.asyncDispose]());

const name = 'ada-xxxx1';
const status = (value: object) => person.status(collections.messages, name, value);
const sent = () => person.server.objects.list(collections.messages);
const watched = () => expect.poll(() => person.server.openWatches).toBe(1);

describe('send', () => {
  it('waits by a watch, and prints the reply and nothing else on standard output', async () => {
    const sending = person.start('send', 'ada', 'how', 'are', 'you?', '--session', 'chat', '--from', 'Grace');
    await watched();
    expect(sent()[0]).toMatchObject({
      metadata: { labels: { 'dormouse.dev/workspace': 'ada' } },
      spec: { workspaceRef: { name: 'ada' }, text: 'how are you?', session: 'chat', from: 'Grace' },
    });
    status({ phase: 'Pending', reason: 'WorkspaceWaking' });
    status({ phase: 'Working' });
    status({ phase: 'Completed', reply: { text: 'Well, thank you.', truncated: false } });
    expect(await sending.ended).toEqual({ code: 0, out: 'Well, thank you.\n', err: '' });
  });

  it('keeps a reply from steering the terminal, and gives it whole to a program', async () => {
    for (const terminal of [true, false]) {
      person.terminal.out = terminal;
      const sending = person.start('send', 'ada', 'hello');
      await expect.poll(() => sent().length).toBe(1);
      const message = sent()[0]?.metadata.name ?? '';
      const done = { phase: 'Completed', reply: { text: 'clear\x1b[2J' } };
      person.status(collections.messages, message, done);
      expect((await sending.ended).out).toBe(terminal ? 'clear�[2J\n' : 'clear\x1b[2J\n');
      person.server.objects.delete(collections.messages, `team/${message}`);
    }
  });

  it('shows on a terminal what goes on, on standard error', async () => {
    person.terminal.err = true;
    const sending = person.start('send', 'ada', 'hello');
    await watched();
    status({ phase: 'Pending', reason: 'WorkspaceWaking' });
    await expect.poll(() => sending.err()).toContain('waking ada');
    status({ phase: 'Working' });
    await expect.poll(() => sending.err()).toContain('working');
    status({ phase: 'Completed', reply: { text: 'Hello.' } });
    expect(await sending.ended).toMatchObject({ code: 0, out: 'Hello.\n' });
  });

  it('ends with 1 and the reason where the message failed', async () => {
    const sending = person.start('send', 'ada', 'hello');
    await watched();
    status({ phase: 'Failed', reason: 'MaxTurns', message: 'It took more than 5 model requests.' });
    const { code, out, err } = await sending.ended;
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain(`message "${name}" failed: MaxTurns: It took more than 5 model requests.`);
    expect(err).toContain('dormouse describe ada');
  });

  it('ends with 5 when the time is over, and says that the message goes on', async () => {
    const sending = person.start('send', 'ada', 'hello', '--timeout', '30s');
    await watched();
    await person.clock.advance(30_000);
    const { code, err } = await sending.ended;
    expect(code).toBe(5);
    expect(err).toContain(`Message "${name}" goes on`);
    expect(err).toContain(`dormouse messages ada ${name}`);
  });

  it('ends with 130 after Ctrl-C, and the message goes on', async () => {
    const sending = person.start('send', 'ada', 'hello');
    await watched();
    sending.interrupt();
    expect(await sending.ended).toMatchObject({
      code: 130,
      err: expect.stringContaining(`Message "${name}" goes on`),
    });
    expect(sent()).toHaveLength(1);
  });

  it('says how to find out, after Ctrl-C while the message was on its way', async () => {
    person.server.misbehave({ matches: ({ method }) => method === 'POST', respond: hang });
    const sending = person.start('send', 'ada', 'hello');
    await expect.poll(() => person.server.requests.at(-1)?.method).toBe('POST');
    sending.interrupt();
    expect(await sending.ended).toMatchObject({
      code: 130,
      err: expect.stringContaining('Whether it was sent:  dormouse messages ada'),
    });
  });

  it('tells once about each tool call that waits for a person, and waits on', async () => {
    const sending = person.start('send', 'ada', 'clean up');
    await watched();
    const waits = {
      phase: 'Working',
      reason: 'WaitingForApproval',
      pendingApprovals: [{ id: 'a1', tool: 'Bash', summary: 'rm -rf build' }],
    };
    status(waits);
    status(waits);
    status({ phase: 'Completed', reply: { text: 'Done.' } });
    const { code, err } = await sending.ended;
    expect(code).toBe(0);
    expect(err).toBe('Bash wants approval: rm -rf build (dormouse approve ada a1)\n');
  });

  it('says when the reply was cut, and where the whole is', async () => {
    const sending = person.start('send', 'ada', 'tell me all');
    await watched();
    const transcript = { session: 'default', uuid: 'entry-7' };
    status({ phase: 'Completed', reply: { text: 'Once upon', truncated: true, transcript } });
    const { out, err } = await sending.ended;
    expect(out).toBe('Once upon\n');
    expect(err).toContain('cut at 16 KiB');
    expect(err).toContain('grep entry-7 /var/lib/dormouse/transcripts/default.jsonl');
  });

  it('goes on after its watch was cut', async () => {
    const sending = person.start('send', 'ada', 'hello');
    await watched();
    person.server.cutWatches();
    status({ phase: 'Completed', reply: { text: 'Hello.' } });
    await expect.poll(() => person.clock.pending).toBeGreaterThan(0);
    await person.clock.advance(1_000);
    expect(await sending.ended).toMatchObject({ code: 0, out: 'Hello.\n' });
  });

  it('never makes a second message where the answer to the first was lost', async () => {
    person.server.misbehave({
      matches: ({ method }) => method === 'POST',
      respond: (response, { body }) => {
        person.server.objects.put(collections.messages, `team/${name}`, body as never);
        cut(response, {} as never);
      },
    });
    const { code, out } = await person.run('send', 'ada', 'hello', '--no-wait');
    expect({ code, out }).toEqual({ code: 0, out: `agentmessage.dormouse.dev/${name} created\n` });
    expect(sent()).toHaveLength(1);
  });

  it('takes another name where its own is taken', async () => {
    person.message(name, 'bob');
    const { out } = await person.run('send', 'ada', 'hello', '--no-wait');
    expect(out).toBe('agentmessage.dormouse.dev/ada-xxxx2 created\n');
  });

  it('reads the text from standard input for "-" and where there is none', async () => {
    person.input = 'line one\nline two\n';
    for (const args of [['-'], []]) await person.run('send', 'ada', ...args, '--no-wait');
    expect(sent().map(({ spec }) => (spec as { text: string }).text)).toEqual([
      'line one\nline two',
      'line one\nline two',
    ]);
    person.terminal.in = true;
    expect(await person.run('send', 'ada')).toMatchObject({
      code: 2,
      err: expect.stringContaining('no text'),
    });
  });

  it('makes no message to a workspace that does not exist', async () => {
    const { code, err } = await person.run('send', 'bob', 'hello');
    expect(code).toBe(3);
    expect(err).toContain('workspace "bob" does not exist');
    expect(sent()).toEqual([]);
  });

  it('is possible for those who may send and not look', async () => {
    person.server.misbehave({
      matches: ({ method }) => method === 'GET',
      respond: answer(403, 'Forbidden'),
    });
    expect(await person.run('send', 'ada', 'hello', '--no-wait')).toMatchObject({ code: 0 });
  });
});
