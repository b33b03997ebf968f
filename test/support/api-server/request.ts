import type { IncomingMessage } from 'node:http';

/** A request to the stand-in API server, taken apart. */
export interface ApiRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** `api/v1/pods`, `apis/GROUP/VERSION/PLURAL`. */
  collection: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  /** `NAMESPACE/NAME` or `NAME`; of a collection, undefined. */
  key: string | undefined;
  watch: boolean;
  body: Record<string, unknown>;
}

export async function readRequest(message: IncomingMessage): Promise<ApiRequest> {
  const url = new URL(message.url ?? '/', 'http://stand-in');
  const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const prefix = parts.splice(0, parts[0] === 'api' ? 2 : 3);
  // /api/v1/namespaces/x is an object; /api/v1/namespaces/x/pods is a collection in it.
  const namespace = parts[0] === 'namespaces' && parts.length > 2 ? parts.splice(0, 2)[1] : undefined;
  const [plural = '', name, subresource] = parts;
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: message.headers,
    collection: [...prefix, plural].join('/'),
    namespace,
    name,
    subresource,
    key: name === undefined ? undefined : namespace === undefined ? name : `${namespace}/${name}`,
    watch: url.searchParams.get('watch') === 'true',
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

/** Equality of labels, `a=b,c=d`, and existence, `a`; all that the operator uses. */
export function selected(labels: Record<string, string> | undefined, selector: string | null): boolean {
  return (selector ?? '')
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [name = '', value] = term.split('=');
      return value === undefined ? labels?.[name] !== undefined : labels?.[name] === value;
    });
}

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}
