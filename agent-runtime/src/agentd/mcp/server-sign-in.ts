import type { AuthOptions, OAuthClientProvider } from '@modelcontextprotocol/client';
import type { McpServer } from '../../protocol/mcp.ts';
import { type ConnectOptions, connectServer, resolveServer } from './connect.ts';
import { isUnauthorized, showsNoToken } from './failures.ts';
import { demandOf, MoreScopesWanted, scopesOf, unionOf } from './scopes.ts';
import { type McpSignIns, SignInWanted } from './sign-ins.ts';
import { workspaceFetch } from './workspace-fetch.ts';

/** What one server and people have to do with each other: what it wants of them, and their sign-in to it. */
export class ServerSignIn {
  readonly #server: McpServer;
  readonly #signIns: McpSignIns;
  /** What the server is connected with. */
  readonly #options: () => ConnectOptions;
  /** It refused something to whoever shows no token, though it lets them connect. */
  #wanted: { scope?: string } | undefined;

  constructor(server: McpServer, signIns: McpSignIns, options: () => ConnectOptions) {
    this.#server = server;
    this.#signIns = signIns;
    this.#options = options;
  }

  /** What a person is to sign in for, of a server that does without for other things. */
  get demanded(): { scopes: readonly string[]; why: string } | undefined {
    const scopes = this.#signIns.demanded(this.#server);
    if (scopes.length > 0) return { scopes, why: new MoreScopesWanted(this.#server, scopes, true).message };
    if (this.#wanted === undefined) return undefined;
    return { scopes: scopesOf(this.#wanted.scope), why: new SignInWanted(this.#server.name).message };
  }

  /** What a connected server refused, as what a person can do about it; any other error as it is. */
  async understood(error: unknown): Promise<unknown> {
    const demand = demandOf(error);
    const forNobody = !this.#signIns.has(this.#server) && showsNoToken(this.#server);
    if (!forNobody || (demand === undefined && !isUnauthorized(error))) return this.withDemand(error);
    const scope = unionOf(this.#wanted?.scope, demand?.scopes.join(' '));
    this.#wanted = scope === undefined ? {} : { scope };
    return new SignInWanted(this.#server.name);
  }

  /** The same of one that does not let itself be connected to. What it demands is kept: a person who signs in later is asked for it. */
  async withDemand(error: unknown): Promise<unknown> {
    const demand = demandOf(error);
    if (demand === undefined) return error;
    const signedIn = this.#signIns.has(this.#server);
    await this.#signIns.demand(this.#server, demand.scopes);
    return new MoreScopesWanted(this.#server, this.demanded?.scopes ?? demand.scopes, signedIn);
  }

  /**
   * The first half of a sign-in: the address that a person must go to, or undefined where the server wants none of them. Rejects with what
   * keeps it from that.
   */
  async begin(redirectUrl: string): Promise<{ authorizationUrl: string; state: string } | undefined> {
    if (this.#server.byGateway) throw new Error('its credentials are in a Secret, as spec.mcpServers says');
    const more = this.#signIns.more(this.#server) ?? this.#wanted;
    const { provider, pending } = this.#signIns.begin(this.#server, redirectUrl);
    try {
      if (more !== undefined) await this.#authorize(provider, { ...more, forceReauthorization: true });
      if (pending.authorizationUrl !== undefined)
        return { authorizationUrl: pending.authorizationUrl, state: pending.state };
      const { client } = await connectServer(this.#server, { ...this.#options(), signedIn: provider });
      await client.close();
      return undefined;
    } catch (error) {
      if (pending.authorizationUrl === undefined) throw error;
      return { authorizationUrl: pending.authorizationUrl, state: pending.state };
    }
  }

  /** The second half, with what the authorization server sent back. `unknown`: there is no sign-in with this state. */
  async complete(code: string, state: string, issuer?: string): Promise<'done' | 'unknown'> {
    const found = this.#signIns.pending(this.#server.name, state);
    if (found === undefined || this.#server.url === undefined) return 'unknown';
    const iss = issuer !== undefined && { iss: issuer };
    await this.#authorize(found.provider, { authorizationCode: code, ...iss });
    await this.#signIns.complete(found.pending);
    this.#wanted = undefined;
    return 'done';
  }

  /** With the authorization server of the server, which the workspace reaches, as it does the server. */
  async #authorize(
    provider: OAuthClientProvider,
    request: Omit<AuthOptions, 'serverUrl' | 'fetchFn'>,
  ): Promise<void> {
    const { auth } = await import('./sdk.ts');
    const options = this.#options();
    const { server } = await resolveServer(this.#server, options);
    await auth(provider, {
      ...request,
      serverUrl: server.url ?? '',
      fetchFn: workspaceFetch(options.tools),
    });
  }
}
