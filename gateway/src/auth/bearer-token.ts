import { Refusal } from '../http/refusal.ts';

/** As Kubernetes has it for browsers, which cannot give a WebSocket a header: one of the offered subprotocols. */
const protocolPrefix = 'base64url.bearer.authorization.k8s.io.';
/** Characters. Tokens of service accounts have some 1,200; OIDC tokens with many groups a few thousand. */
const longest = 12_288;

/**
 * The bearer token of a request, from `Authorization`, or for an upgrade from `Sec-WebSocket-Protocol`. Nothing else counts:
 * no cookie, no query, no address.
 *
 * @param rawHeaders names and values in turn, as they came
 * @throws Refusal `unauthorized` where there is none, `invalid` where there are several.
 */
export function bearerToken(rawHeaders: readonly string[], upgrade: boolean): string {
  const tokens = valuesOf(rawHeaders, 'authorization').map(fromAuthorization);
  if (upgrade)
    tokens.push(
      ...subprotocolsOf(rawHeaders)
        .filter((each) => each.startsWith(protocolPrefix))
        .map((each) => Buffer.from(each.slice(protocolPrefix.length), 'base64url').toString()),
    );
  if (tokens.length > 1) throw new Refusal('invalid', 'The request carries more than one credential.');
  const [token] = tokens;
  if (token === undefined)
    throw unauthorized('The request carries no token. Send a Kubernetes token: Authorization: Bearer TOKEN.');
  if (token.length > longest || !/^[\x21-\x7e]+$/.test(token))
    throw unauthorized('The bearer token is not one.');
  return token;
}

export function unauthorized(message: string): Refusal {
  return new Refusal('unauthorized', message, { 'www-authenticate': 'Bearer realm="dormouse"' });
}

/** The subprotocols that go on to the workspace: all but the one that is a credential. */
export function offeredSubprotocols(rawHeaders: readonly string[]): string[] {
  return subprotocolsOf(rawHeaders).filter((each) => !each.startsWith(protocolPrefix));
}

function fromAuthorization(value: string): string {
  const token = /^Bearer +(\S+)$/i.exec(value.trim())?.[1];
  if (token === undefined) throw unauthorized('Authorization must be: Bearer TOKEN.');
  return token;
}

function subprotocolsOf(rawHeaders: readonly string[]): string[] {
  return valuesOf(rawHeaders, 'sec-websocket-protocol')
    .flatMap((value) => value.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** Every value of a header, also of those that Node.js keeps the first of only. */
function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === name);
}
