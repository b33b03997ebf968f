import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { keyHeaders } from '../../protocol/agent-api.ts';

/**
 * A check of the caller's key. Where a request comes from counts for nothing: the tools of the workspace share this pod's
 * network, loopback included. Digests are compared, so that neither content nor length shows in the time it takes.
 */
export function keyCheck(key: string): (headers: IncomingHttpHeaders) => boolean {
  const expected = digest(key);
  return (headers) => {
    const bearer = /^Bearer +(.+)$/i.exec(headers[keyHeaders.bearer] ?? '')?.[1];
    const proxied = headers[keyHeaders.proxied];
    const presented = bearer ?? (typeof proxied === 'string' ? proxied : '');
    return timingSafeEqual(digest(presented.trim()), expected);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
