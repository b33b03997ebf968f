import { z } from 'zod';

const text = z.string().max(131_072);
const variables = z.record(z.string().max(256), text);

/** The name of a server in the names of its tools. */
export const mcpServerName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** One MCP server, as the workspace's spec or a file of it says. Exactly one of `command` and `url`. */
export const mcpServer = z.object({
  name: mcpServerName,
  /** A program of the container `workspace`, which speaks on its standard input and output. */
  command: text.min(1).optional(),
  args: z.array(text).max(1000).default([]),
  env: variables.default({}),
  /** A server that is reached over HTTP from the workspace, by its proxy. */
  url: z.string().min(1).max(8192).optional(),
  transport: z.enum(['http', 'sse']).default('http'),
  headers: variables.default({}),
  /** The gateway asks it in place of the workspace, as it alone has some of the headers. */
  byGateway: z.literal(true).optional(),
  /** A command line of the workspace that prints more headers, as one JSON object. */
  headersHelper: text.min(1).optional(),
  /** Client credentials; the secret is asked for in the environment where it is absent. */
  oauth: z
    .object({
      clientId: text.min(1),
      clientSecret: text.optional(),
      scopes: text.optional(),
      /** The one authorization server that is shown the secret. Absent: the one that the MCP server names. */
      issuer: text.optional(),
    })
    .optional(),
  /** Milliseconds that a call may take without a sign of progress. */
  timeoutMs: z.int().min(1000).max(86_400_000).optional(),
  /** Its tools are always before the model, however many there are. */
  alwaysLoad: z.boolean().default(false),
});
export type McpServer = z.infer<typeof mcpServer>;

/** What a class allows: by name, by exact command with its arguments, or by URL, where `*` stands for any characters. */
export const mcpServerMatch = z.object({
  name: z.string().optional(),
  command: z.array(z.string()).optional(),
  url: z.string().optional(),
});
export type McpServerMatch = z.infer<typeof mcpServerMatch>;

/** Where the gateway asks an MCP server for a workspace, at the port for models: the name of the server follows. The answer is the server's. */
export const mcpRelayPath = '/v1/mcp/';

/** What the operator tells `agentd` of MCP. */
export const mcpConfig = z.object({
  servers: z.array(mcpServer).max(32),
  /** Of the class, also for servers that files of the workspace name. Absent: any; empty: none. */
  allowed: z.array(mcpServerMatch).max(64).optional(),
});

/** A server of a workspace: an element of `GET /v1/mcp/servers`. */
export const mcpServerState = z.object({
  name: z.string(),
  /** The URL or the command line, as it is declared. */
  address: z.string(),
  /** `waiting`: nobody has let it in. */
  state: z.enum(['idle', 'connecting', 'connected', 'failed', 'waiting']),
  why: z.string().optional(),
  tools: z.int().min(0),
  /** Whether a person has signed in to it for this workspace. */
  signedIn: z.boolean(),
  /** What it has demanded since, and somebody must sign in again for. */
  wantedScopes: z.array(z.string()).optional(),
});
export type McpServerState = z.infer<typeof mcpServerState>;

/** Body of `POST /v1/mcp/servers/:name/sign-in`: where the browser is to come back to, on the machine of whoever signs in. */
export const mcpSignInRequest = z.object({
  redirectUrl: z.url({ protocol: /^http$/, hostname: /^(?:127\.0\.0\.1|localhost|\[::1\])$/ }),
});
/** Its answer; empty where the server wants nobody to sign in. */
export const mcpSignIn = z.object({ authorizationUrl: z.string().optional(), state: z.string().optional() });
/** Body of `POST /v1/mcp/servers/:name/sign-in/complete`: what the browser came back with. */
export const mcpSignInResult = z.object({
  code: z.string().min(1).max(8192),
  state: z.string().min(1).max(512),
  issuer: z.string().max(2048).optional(),
});
