import type { McpServer } from '../../protocol/mcp.ts';

/** A variable that has no value and no default; the message names it. */
export class UnsetVariable extends Error {
  override readonly name = 'UnsetVariable';

  constructor(variable: string) {
    super(
      `it needs the variable ${variable}, which is not set in the workspace: set it in spec.env, or give it a default, \${${variable}:-…}`,
    );
  }
}

/** `${NAME}` and `${NAME:-default}`, in one pass: what was put in is not looked at again. Throws `UnsetVariable`. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, otherwise: string | undefined) => {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      const usable = otherwise === undefined ? value : value || otherwise;
      if (usable === undefined) throw new UnsetVariable(name);
      return usable;
    },
  );
}

/** The server with the variables put in where they are documented to be: command, args, env, url, headers, and our `oauth`. */
export function expandServer(server: McpServer, variables: Readonly<Record<string, string>>): McpServer {
  const put = (text: string) => expand(text, variables);
  const all = (fields: Record<string, string>) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, put(value)]));
  return {
    ...server,
    ...(server.command !== undefined && { command: put(server.command) }),
    args: server.args.map(put),
    env: all(server.env),
    ...(server.url !== undefined && { url: put(server.url) }),
    headers: all(server.headers),
    ...(server.oauth !== undefined && {
      oauth: {
        ...server.oauth,
        clientId: put(server.oauth.clientId),
        ...(server.oauth.clientSecret !== undefined && { clientSecret: put(server.oauth.clientSecret) }),
      },
    }),
  };
}
