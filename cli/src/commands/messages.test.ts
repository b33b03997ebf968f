import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from '../testing/person.ts';

let person: Person;
beforeEach(async () => {
  person = await Person.atKeyboard();
  person.workspace('ada');
  const usage = { inputTokens: 1200, outputTokens: 30, cacheReadTokens: 4, cacheWriteTokens: 0 };
  person.message('ada-1', 'ada', {
    status: { phase: 'Completed', usage, reply: { text: 'Well.', truncated: false } },
  });
  person.message('ada-2', 'ada', {
    spec: { session: 'review', text: 'look\nat this' },
    status: { phase: 'Failed', reason: 'MaxTurns', message: 'Too many.', usage },
  });
  person.message('bob-1', 'bob');
});
afterEach(() => person[Symbol.asyncDispose]());

describe('messages', () => {
  it('lists those of the workspace, each in one line', async () => {
    expect((await person.run('messages', 'ada')).out).toBe(
      [
        'NAME    SESSION   PHASE       REASON     AGE   TEXT',
        'ada-1   default   Completed   -          10m   how are you?',
        'ada-2   review    Failed      MaxTurns   10m   look ⏎ at this',
        '',
      ].join('\n'),
    );
    expect((await person.run('messages', 'ada', '--session', 'review', '-o', 'name')).out).toBe(
      'agentmessage.dormouse.dev/ada-2\n',
    );
  });

  it('shows one with its whole text and its reply', async () => {
    expect((await person.run('messages', 'ada', 'ada-1')).out).toBe(
      'Message:  ada-1, session default\nPhase:    Completed\n\nhow are you?\n\n── reply ──\nWell.\n',
    );
    expect((await person.run('messages', 'ada', 'ada-2')).out).toContain('Failed (MaxTurns: Too many.)');
    expect(await person.run('messages', 'ada', 'bob-1')).toMatchObject({ code: 3 });
  });
});

describe('usage', () => {
  it('sums the tokens of the messages by workspace', async () => {
    expect((await person.run('usage')).out).toBe(
      [
        'WORKSPACE   MESSAGES   INPUT   OUTPUT   CACHE READ   CACHE WRITE   TODAY   LIMIT',
        'ada         2          2,400   60       8            0             0       -',
        'bob         1          0       0        0            0             -       -',
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await person.run('usage', 'ada', '-o', 'json')).out)).toEqual([
      {
        namespace: 'team',
        workspace: 'ada',
        messages: 2,
        inputTokens: 2400,
        outputTokens: 60,
        cacheReadTokens: 8,
        cacheWriteTokens: 0,
        today: 0,
      },
    ]);
  });

  it('shows what was used today and what may be, of a workspace whose messages are gone as well', async () => {
    const usage = { day: '2030-01-01', tokens: 12_345, limit: 50_000 };
    person.workspace('ada', { status: { usage } });
    person.workspace('eve', { status: { usage: { day: '2030-01-01', tokens: 7 } } });
    person.workspace('fay', { status: { usage: { day: '2029-12-31', tokens: 9, limit: 10 } } });
    expect((await person.run('usage')).out).toBe(
      [
        'WORKSPACE   MESSAGES   INPUT   OUTPUT   CACHE READ   CACHE WRITE   TODAY    LIMIT',
        'ada         2          2,400   60       8            0             12,345   50,000',
        'bob         1          0       0        0            0             -        -',
        'eve         0          0       0        0            0             7        -',
        '',
      ].join('\n'),
    );
    const [ada] = JSON.parse((await person.run('usage', 'ada', '-o', 'json')).out);
    expect(ada).toMatchObject({ messages: 2, today: 12_345, limit: 50_000 });
    // Yesterday's tokens are not today's; its limit is still known.
    person.message('fay-1', 'fay');
    const [fay] = JSON.parse((await person.run('usage', 'fay', '-o', 'json')).out);
    expect(fay).toMatchObject({ messages: 1, today: 0, limit: 10 });
    expect((await person.run('usage', 'nobody')).code).toBe(3);
  });
});
