import { parseRequestPath } from '../attach/index.ts';
import { Refusal } from '../http/refusal.ts';

/** What a workspace may ask a provider. */
export interface ModelRoute {
  path: '/v1/messages' | '/v1/messages/count_tokens';
  /** From `?` on, or empty. */
  query: string;
  /** Whether the answer costs tokens. */
  charged: boolean;
}

/** @throws Refusal `invalid`, `not_found` or `method_not_allowed` */
export function modelRouteOf(method: string | undefined, url: string | undefined): ModelRoute {
  const { segments, query } = parseRequestPath(url);
  const path = `/${segments.join('/')}`;
  if (path !== '/v1/messages' && path !== '/v1/messages/count_tokens')
    throw new Refusal('not_found', 'Workspaces can ask for /v1/messages and /v1/messages/count_tokens here.');
  if (method !== 'POST') throw new Refusal('method_not_allowed', 'This path takes POST.', { allow: 'POST' });
  return { path, query, charged: path === '/v1/messages' };
}
