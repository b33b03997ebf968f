import { isIP } from 'node:net';
import { EgressRefusal } from './refusal.ts';

/** Where a workspace wants to go. */
export interface Destination {
  /** A name in lower case, in ASCII, without a dot at its end; or an IP address, IPv6 without brackets. */
  host: string;
  port: number;
  /** Whether {@link host} is an IP address. */
  literal: boolean;
}

/**
 * Of `CONNECT host:port`.
 * @throws EgressRefusal `invalid`
 */
export function tunnelDestination(target: string | undefined): Destination {
  const [, authority, port = ''] = /^([^/?#@\\]+):([0-9]{1,5})$/.exec(target ?? '') ?? [];
  if (authority === undefined)
    throw invalid('CONNECT takes HOST:PORT, such as CONNECT registry.example.com:443.');
  return destination(authority, Number(port));
}

/**
 * Of `GET http://host:port/path`, with what the server there is to be asked for.
 * @throws EgressRefusal `invalid`
 */
export function requestDestination(target: string | undefined): Destination & { path: string } {
  if (target === undefined || !/^http:\/\//i.test(target))
    throw invalid(
      'This is a proxy. It takes CONNECT HOST:PORT, and requests for http://HOST/PATH; https:// goes by CONNECT.',
    );
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url === undefined) throw invalid('The URL cannot be read.');
  if (url.username !== '' || url.password !== '')
    throw invalid('The URL must not carry a user or a password.');
  const port = url.port === '' ? 80 : Number(url.port);
  return { ...destination(url.hostname, port), path: url.pathname + url.search };
}

/** The rules of the web for hosts: 0x7f.1 is 127.0.0.1 here as it is to every client, and bücher.example is xn--bcher-kva.example. */
function destination(authority: string, port: number): Destination {
  const text = `http://${authority}/`;
  const host = URL.canParse(text)
    ? new URL(text).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
    : '';
  const literal = isIP(host) !== 0;
  if (port < 1 || port > 65_535) throw invalid(`${port} is no port.`);
  if (!literal && !isName(host)) throw invalid('The host is neither a name nor an address.');
  return { host, port, literal };
}

function isName(host: string): boolean {
  return (
    host.length <= 253 &&
    host.split('.').every((label) => /^[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/.test(label))
  );
}

function invalid(message: string): EgressRefusal {
  return new EgressRefusal('invalid', message);
}

/** `host:port` as a person writes it. */
export function authorityOf({ host, port }: Pick<Destination, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
