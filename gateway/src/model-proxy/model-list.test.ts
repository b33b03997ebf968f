import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowedPage, readModelList, readModelPage, wholeListQuery } from './model-list.ts';

const list = (...ids: string[]) => ({ data: ids.map((id) => ({ id })), has_more: true, new: 1 });
const idsOf = ({ data }: ReturnType<typeof allowedPage>) => data.map(({ id }) => id);

describe('the models that a class allows', () => {
  it.each([
    ['', ['b', 'd', 'e'], false],
    ['?limit=2', ['b', 'd'], true],
    ['?limit=2&after_id=d', ['e'], false],
    ['?after_id=e', [], false],
    ['?limit=1&before_id=e', ['d'], true],
    ['?before_id=e', ['b', 'd'], false],
    ['?limit=1&after_id=b&before_id=e', ['d'], false],
  ])('are, of "%s", %j', (query, ids, more) => {
    const page = allowedPage(list('a', 'b', 'c', 'd', 'e'), ['e', 'b', 'd', 'none'], readModelPage(query));
    expect(idsOf(page)).toEqual(ids);
    expect(page).toMatchObject({
      has_more: more,
      first_id: ids.at(0) ?? null,
      last_id: ids.at(-1) ?? null,
      new: 1,
    });
  });

  it('are each on one page, whichever way the pages are turned', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const end = ids.at(-1) as string;
    fc.assert(
      fc.property(fc.subarray(ids.slice(0, -1)), fc.integer({ min: 1, max: 8 }), (some, limit) => {
        const allowed = [...some, end];
        const turn = (query: string) => allowedPage(list(...ids), allowed, readModelPage(query));
        const forwards: string[] = [];
        for (let page = turn(`?limit=${limit}`); ; page = turn(`?limit=${limit}&after_id=${page.last_id}`)) {
          forwards.push(...idsOf(page));
          if (page.has_more !== true) break;
        }
        expect(forwards).toEqual(allowed);
        const backwards: string[] = [];
        for (let at = end; ; at = backwards[0] as string) {
          const page = turn(`?limit=${limit}&before_id=${at}`);
          backwards.unshift(...idsOf(page));
          if (page.has_more !== true) break;
        }
        expect(backwards).toEqual(some);
      }),
    );
  });

  it.each(['?limit=0', '?limit=1001', '?limit=x', '?after_id=', '?after_id=a', '?before_id=zz'])(
    'are not told of "%s"',
    (query) => {
      expect(() => allowedPage(list('a', 'b'), ['b'], readModelPage(query))).toThrow(
        /^(limit|after_id|before_id): /,
      );
    },
  );

  it('are looked for among all of the provider', () => {
    expect(wholeListQuery('?limit=1&after_id=a&before_id=b&beta=true')).toBe('?beta=true&limit=1000');
  });

  it.each(['', '{', '[]', '{"data":{}}', '{"data":[{"name":"a"}]}'])('are not read from "%s"', (body) => {
    expect(() => readModelList(Buffer.from(body))).toThrow('no list of models');
  });
});
