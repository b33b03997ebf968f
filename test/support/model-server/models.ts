/** The models that the server says it has, in pages as the API gives them. It answers whatever model is named. */
import { z } from 'zod';
import { ApiError, invalid } from './api-error.ts';
import { describeIssue } from './issue.ts';

/** One model as the API describes it. */
export interface ModelInfo {
  type: 'model';
  id: string;
  display_name: string;
  /** RFC 3339. */
  created_at: string;
}

/** The newest first. */
export const models: readonly ModelInfo[] = ['scripted', 'scripted-small', 'scripted-old'].map((id, age) => ({
  type: 'model',
  id,
  display_name: `Scripted ${id}`,
  created_at: `${2026 - age}-01-01T00:00:00Z`,
}));

const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(20),
  after_id: z.string().min(1).optional(),
  before_id: z.string().min(1).optional(),
  beta: z.string().optional(),
});

/** The answer to `GET /v1/models`. Throws {@link ApiError} 400 for a page that cannot be. */
export function modelPage(query: URLSearchParams) {
  const read = pageQuery.safeParse(Object.fromEntries(query), { reportInput: true });
  if (!read.success) throw invalid(describeIssue(read.error.issues));
  const { limit, after_id: after, before_id: before } = read.data;
  if (after !== undefined && before !== undefined) throw invalid('after_id: not together with before_id');
  const at = (id: string) => models.indexOf(model(id));
  const rest =
    before === undefined
      ? models.slice(after === undefined ? 0 : at(after) + 1)
      : models.slice(0, at(before));
  const data = before === undefined ? rest.slice(0, limit) : rest.slice(-limit);
  return {
    data,
    has_more: data.length < rest.length,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

/** The answer to `GET /v1/models/{id}`. Throws {@link ApiError} 404. */
export function model(id: string): ModelInfo {
  const found = models.find((each) => each.id === id);
  if (found === undefined) throw new ApiError(404, `model: ${id}`);
  return found;
}
