import { parseRequestPath } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';

const messages = ['/v1/messages', '/v1/messages/count_tokens'] as const;
const models = '/v1/models';
/** Characters of a model's name in a path, as long as one in a body may be. */
const longestModel = 200;

/** What a workspace may ask a provider. */
export interface ModelRoute {
  /** Which one, for metrics and audit lines: of a few. */
  name: (typeof messages)[number] | typeof models | '/v1/models/{id}';
  method: 'POST' | 'GET';
  /** As it was asked for. */
  path: string;
  /** From `?` on, or empty. */
  query: string;
  /** Whether the answer costs tokens. */
  charged: boolean;
  /** The model that the path names. */
  model?: string;
}

/** @throws Refusal `invalid`, `not_found` or `method_not_allowed` */
export function modelRouteOf(method: string | undefined, url: string | undefined): ModelRoute {
  const { segments, query } = parseRequestPath(url);
  const route = routeOf(segments);
  if (route === undefined)
    throw new Refusal(
      'not_found',
      'Workspaces can ask for /v1/messages, /v1/messages/count_tokens, /v1/models and /v1/models/{id} here.',
    );
  if (method !== route.method)
    throw new Refusal('method_not_allowed', `This path takes ${route.method}.`, { allow: route.method });
  return { ...route, query };
}

function routeOf(segments: readonly string[]): Omit<ModelRoute, 'query'> | undefined {
  const path = `/${segments.join('/')}`;
  const name = messages.find((each) => each === path);
  if (name !== undefined) return { name, method: 'POST', path, charged: name === '/v1/messages' };
  if (path === models) return { name: models, method: 'GET', path, charged: false };
  const [version, kind, id = '', ...rest] = segments;
  if (`/${version}/${kind}` !== models || id === '' || rest.length > 0) return undefined;
  const model = decoded(id);
  if (model === undefined || model.length > longestModel) return undefined;
  return { name: '/v1/models/{id}', method: 'GET', path, charged: false, model };
}

/** Undefined where the escapes are no text. */
function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
