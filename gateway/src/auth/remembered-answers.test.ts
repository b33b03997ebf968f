import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { RememberedAnswers } from './remembered-answers.ts';

const clock = new FakeClock();
const overloaded = new Error('overloaded');

function answers(limit = 10, questions = 10) {
  const asked: string[] = [];
  const remembered = new RememberedAnswers<string>({
    clock,
    limit,
    questions,
    lifetime: (answer) => (answer.startsWith('no') ? 100 : 1_000),
    overloaded: () => overloaded,
  });
  const ask = (key: string, answer = `yes ${key}`) =>
    remembered.ask(key, async () => {
      asked.push(key);
      return answer;
    });
  return { asked, remembered, ask };
}

describe('remembered answers', () => {
  it('are asked for once by all who ask at the same time, and again when they are too old', async () => {
    const { asked, ask } = answers();
    expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual(['yes a', 'yes a', 'yes b']);
    await clock.advance(999);
    await ask('a');
    expect(asked).toEqual(['a', 'b']);
    await clock.advance(1);
    await ask('a');
    expect(asked).toEqual(['a', 'b', 'a']);
  });

  it('are kept for a shorter time where they are a no', async () => {
    const { asked, ask } = answers();
    await ask('a', 'no');
    await clock.advance(100);
    await ask('a', 'no');
    expect(asked).toHaveLength(2);
  });

  it('are bounded in number, the oldest going first', async () => {
    const { asked, ask, remembered } = answers(2);
    for (const key of ['a', 'b', 'c']) await ask(key);
    expect(remembered.size).toBe(2);
    await ask('c');
    await ask('a');
    expect(asked).toEqual(['a', 'b', 'c', 'a']);
  });

  it('are not waited for by too many', async () => {
    const { remembered } = answers(10, 1);
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = remembered.ask('a', () => promise);
    await expect(remembered.ask('b', () => promise)).rejects.toBe(overloaded);
    resolve('yes');
    expect(await first).toBe('yes');
  });

  it('are no errors: what failed is asked again', async () => {
    const { remembered, ask } = answers();
    await expect(remembered.ask('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await ask('a')).toBe('yes a');
  });
});
