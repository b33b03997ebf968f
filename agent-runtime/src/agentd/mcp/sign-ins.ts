import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { OAuthClientProvider } from '@modelcontextprotocol/client';
import { z } from 'zod';
import type { McpServer } from '../../protocol/mcp.ts';
import { replaceDurably } from '../storage/durable-file.ts';
import { OneAfterAnother } from '../storage/one-after-another.ts';
import { runtimeVersion } from '../version.ts';
import { digestOf } from './declared.ts';
import { scopesOf, unionOf } from './scopes.ts';

/** Milliseconds that a person has to sign in. */
const patienceMs = 600_000;

const signIn = z.object({
  /** What was declared when somebody signed in: for another URL they have to again. */
  server: z.string(),
  redirectUrl: z.string(),
  client: z.looseObject({ client_id: z.string() }),
  tokens: z.looseObject({ access_token: z.string(), token_type: z.string() }),
  /** Where the authorization server is, as it was found. */
  discovery: z.looseObject({ authorizationServerUrl: z.string() }).optional(),
  /** What was asked for. Absent: the authorization server chose. */
  scope: z.string().optional(),
  /** What the server has demanded since, and the token does not give. */
  demanded: z.string().optional(),
  at: z.string(),
});
type SignIn = z.infer<typeof signIn>;
const file = z.object({ signIns: z.array(signIn) });

/** Somebody must sign in to a server before it can be used; the message says how. */
export class SignInWanted extends Error {
  override readonly name = 'SignInWanted';

  constructor(server: string) {
    super(`it wants somebody to sign in: dormouse mcp WORKSPACE --sign-in ${server}`);
  }
}

/** A sign-in that is under way; in memory alone, as it takes minutes. */
interface Pending {
  server: McpServer;
  state: string;
  redirectUrl: string;
  until: number;
  verifier: string;
  authorizationUrl?: string;
  scope?: string | undefined;
  client?: SignIn['client'];
  discovery?: SignIn['discovery'];
  tokens?: SignIn['tokens'];
}

type Stored = Parameters<NonNullable<OAuthClientProvider['saveTokens']>>[0];

/**
 * What people signed in to, on the volume's `state`: the container `workspace` does not see the file, though requests that carry a
 * token leave through it. A fork begins with none.
 */
export class McpSignIns {
  readonly #path: string;
  readonly #now: () => number;
  #signIns: readonly SignIn[];
  readonly #pending = new Map<string, Pending>();
  readonly #writes = new OneAfterAnother();

  private constructor(path: string, signIns: readonly SignIn[], now: () => number) {
    this.#path = path;
    this.#signIns = signIns;
    this.#now = now;
  }

  /** A file that is not there, or that a later version wrote otherwise, holds none. */
  static async open(path: string, now = Date.now): Promise<McpSignIns> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return '{}';
    });
    return new McpSignIns(path, parse(text), now);
  }

  has(server: McpServer): boolean {
    return this.#find(server) !== undefined;
  }

  /** The scopes that a person is to sign in for again; none where the server is content. */
  demanded(server: McpServer): string[] {
    return scopesOf(this.#find(server)?.demanded);
  }

  /** The server refused what nobody granted. Resolves when it is on disk; without a sign-in nothing is kept. */
  async demand(server: McpServer, scopes: readonly string[]): Promise<void> {
    const found = this.#find(server);
    const demanded = unionOf(found?.demanded, scopes.join(' '));
    if (found === undefined || demanded === undefined || demanded === found.demanded) return;
    await this.#put({ ...found, demanded });
  }

  /**
   * What the next sign-in must ask for by name, as a server that is content with a token for most things says nothing when it connects:
   * what was granted and what is demanded. Undefined where nothing is.
   */
  more(server: McpServer): { scope: string; resourceMetadataUrl?: URL } | undefined {
    const found = this.#find(server);
    if (found?.demanded === undefined) return undefined;
    // An authorization server that says nothing has granted what it was asked for.
    const granted = typeof found.tokens.scope === 'string' ? found.tokens.scope : found.scope;
    const at = found.discovery?.resourceMetadataUrl;
    return {
      scope: unionOf(granted, found.demanded) ?? '',
      ...(typeof at === 'string' && URL.canParse(at) && { resourceMetadataUrl: new URL(at) }),
    };
  }

  /** For a connection without a person: tokens are shown and renewed. Undefined where nobody has signed in. */
  provider(server: McpServer): OAuthClientProvider | undefined {
    const found = this.#find(server);
    if (found === undefined) return undefined;
    const change = (more: Partial<SignIn>) => this.#put({ ...(this.#find(server) ?? found), ...more });
    return {
      redirectUrl: found.redirectUrl,
      clientMetadata: metadata(found.redirectUrl, server),
      clientInformation: () => this.#find(server)?.client as never,
      tokens: () => this.#find(server)?.tokens as never,
      saveTokens: (tokens: Stored) => change({ tokens: tokens as never }),
      discoveryState: () => this.#find(server)?.discovery as never,
      // What was registered counts no longer: a person has to begin again.
      saveClientInformation: () => Promise.reject(new SignInWanted(server.name)),
      redirectToAuthorization: () => Promise.reject(new SignInWanted(server.name)),
      saveCodeVerifier: () => undefined,
      codeVerifier: () => Promise.reject(new SignInWanted(server.name)),
      invalidateCredentials: async (scope) => {
        if (scope === 'all' || scope === 'tokens' || scope === 'client') await this.forget(server);
      },
    };
  }

  /** For a person's sign-in; `url` of the pending one is set when the server asked for it. A later one replaces it. */
  begin(server: McpServer, redirectUrl: string): { provider: OAuthClientProvider; pending: Pending } {
    const pending: Pending = {
      ...{ server, redirectUrl, verifier: '', state: randomBytes(24).toString('base64url') },
      until: this.#now() + patienceMs,
    };
    this.#pending.set(server.name, pending);
    return { provider: interactive(pending), pending };
  }

  /** The sign-in that `state` belongs to; undefined where there is none, or it took too long. */
  pending(name: string, state: string): { provider: OAuthClientProvider; pending: Pending } | undefined {
    const pending = this.#pending.get(name);
    if (pending === undefined || pending.until < this.#now() || !isSame(pending.state, state))
      return undefined;
    return { provider: interactive(pending), pending };
  }

  /** Resolves when it is on disk. */
  async complete({ server, redirectUrl, client, tokens, discovery, scope }: Pending): Promise<void> {
    if (client === undefined || tokens === undefined) throw new Error('the sign-in came to no token');
    this.#pending.delete(server.name);
    await this.#put({
      ...{ server: digestOf(server), redirectUrl, client, tokens, at: new Date(this.#now()).toISOString() },
      ...(discovery !== undefined && { discovery }),
      ...(scope !== undefined && { scope }),
    });
  }

  /** False: there was none. */
  async forget(server: McpServer): Promise<boolean> {
    if (!this.has(server)) return false;
    await this.#write((all) => all.filter((each) => each.server !== digestOf(server)));
    return true;
  }

  #find(server: McpServer): SignIn | undefined {
    return this.#signIns.find((each) => each.server === digestOf(server));
  }

  #put(fresh: SignIn): Promise<void> {
    return this.#write((all) => [...all.filter((each) => each.server !== fresh.server), fresh]);
  }

  #write(change: (all: readonly SignIn[]) => readonly SignIn[]): Promise<void> {
    return this.#writes.run(async () => {
      const signIns = change(this.#signIns);
      await replaceDurably(this.#path, Buffer.from(`${JSON.stringify({ signIns })}\n`));
      this.#signIns = signIns;
    });
  }
}

function interactive(pending: Pending): OAuthClientProvider {
  const { server, redirectUrl, state } = pending;
  const { clientId, clientSecret } = server.oauth ?? {};
  return {
    redirectUrl,
    clientMetadata: metadata(redirectUrl, server),
    state: () => state,
    clientInformation: () => {
      if (clientId === undefined) return pending.client as never;
      pending.client ??= {
        client_id: clientId,
        ...(clientSecret !== undefined && { client_secret: clientSecret }),
      };
      return pending.client as never;
    },
    saveClientInformation: (client) => {
      pending.client = client as never;
    },
    tokens: () => pending.tokens as never,
    saveTokens: (tokens) => {
      pending.tokens = tokens as never;
    },
    redirectToAuthorization: (url) => {
      pending.authorizationUrl = url.href;
      pending.scope = url.searchParams.get('scope') ?? undefined;
    },
    saveCodeVerifier: (verifier) => {
      pending.verifier = verifier;
    },
    codeVerifier: () => pending.verifier,
    saveDiscoveryState: (found) => {
      pending.discovery = found as never;
    },
    discoveryState: () => pending.discovery as never,
  };
}

function metadata(redirectUrl: string, server: McpServer): OAuthClientProvider['clientMetadata'] {
  const scope = server.oauth?.scopes;
  return {
    client_name: `Dormouse ${runtimeVersion}`,
    redirect_uris: [redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...(scope !== undefined && { scope }),
  };
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

function parse(text: string): readonly SignIn[] {
  try {
    return file.safeParse(JSON.parse(text)).data?.signIns ?? [];
  } catch {
    return [];
  }
}
