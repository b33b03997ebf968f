import type { McpServer, McpServerMatch } from '../../protocol/mcp.ts';

/**
 * Whether a class allows a server. Where it lists commands, a program must be one of them, to the letter; where it lists URLs, a
 * server on the network must match one; a name is enough only for a kind of which nothing is listed. No list: any server.
 */
export function isAllowedServer(server: McpServer, allowed: readonly McpServerMatch[] | undefined): boolean {
  if (allowed === undefined) return true;
  const named = allowed.some(({ name }) => name === server.name);
  if (server.command !== undefined) {
    const commands = allowed.flatMap(({ command }) => (command === undefined ? [] : [command]));
    if (commands.length === 0) return named;
    const line = JSON.stringify([server.command, ...server.args]);
    return commands.some((command) => JSON.stringify(command) === line);
  }
  const patterns = allowed.flatMap(({ url }) => url ?? []);
  if (patterns.length === 0) return named;
  const url = canonical(server.url ?? '');
  return url !== undefined && patterns.some((pattern) => matchesUrl(pattern, url));
}

/** As a client reads it: without user, dots and case that hide where it leads. */
function canonical(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return undefined;
  url.hostname = url.hostname.replace(/\.$/, '');
  url.hash = '';
  return url.href;
}

/** A `*` before the path stands for characters of the authority alone: `https://*.corp/*` is no `https://evil/x.corp/`. */
function matchesUrl(pattern: string, url: string): boolean {
  const [, scheme = '', authority = '', path = ''] = /^([^/]*:\/\/)([^/]*)(.*)$/.exec(pattern) ?? [];
  const source = (text: string, any: string) =>
    text
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join(any);
  const expression = `^${source(scheme.toLowerCase(), '[^/]*')}${source(authority.toLowerCase(), '[^/@]*')}${source(path === '' ? '/' : path, '.*')}$`;
  return new RegExp(expression).test(url);
}
