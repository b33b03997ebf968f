import { z } from 'zod';
import { Refusal } from '../http/refusal.ts';

/** What a list has to have to be narrowed; the rest of a model is the provider's business. */
const wireList = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });
export type ModelList = z.output<typeof wireList>;

/** The most models that one answer of the API has. */
export const wholeList = 1000;

const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(wholeList).default(20),
  after_id: z.string().min(1).optional(),
  before_id: z.string().min(1).optional(),
});
/** Which part of a list is asked for, as the API has it. */
export type ModelPage = z.output<typeof pageQuery>;

/** @param query from `?` on, or empty. @throws Refusal `invalid` in the words of the API */
export function readModelPage(query: string): ModelPage {
  const read = pageQuery.safeParse(Object.fromEntries(new URLSearchParams(query)));
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw new Refusal('invalid', `${issue?.path.join('.')}: ${issue?.message}`);
}

/** The query that asks a provider for all models: a page of some that are allowed is no page of its own. */
export function wholeListQuery(query: string): string {
  const all = new URLSearchParams(query);
  for (const name of Object.keys(pageQuery.shape)) all.delete(name);
  all.set('limit', String(wholeList));
  return `?${all}`;
}

/** @throws Refusal `bad_gateway` */
export function readModelList(body: Buffer): ModelList {
  try {
    return wireList.parse(JSON.parse(body.toString()));
  } catch {
    throw new Refusal('bad_gateway', 'The provider answered with what is no list of models.');
  }
}

/**
 * The page that is asked for, of the models that are allowed.
 * @throws Refusal `invalid` where it begins at a model that is not among them
 */
export function allowedPage(list: ModelList, allowed: readonly string[], page: ModelPage): ModelList {
  const all = list.data.filter(({ id }) => allowed.includes(id));
  const { after_id: after, before_id: before, limit } = page;
  const at = (name: keyof ModelPage, id: string) => {
    const index = all.findIndex((each) => each.id === id);
    if (index < 0) throw new Refusal('invalid', `${name}: there is no model ${JSON.stringify(id)} here`);
    return index;
  };
  const from = after === undefined ? 0 : at('after_id', after) + 1;
  const to = before === undefined ? all.length : at('before_id', before);
  const backwards = before !== undefined && after === undefined;
  const begin = backwards ? Math.max(from, to - limit) : from;
  const data = all.slice(begin, Math.min(begin + limit, to));
  return {
    ...list,
    data,
    has_more: backwards ? begin > from : begin + data.length < to,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}
