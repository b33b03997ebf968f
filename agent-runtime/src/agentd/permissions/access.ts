/** What a tool call would do, as far as permissions are concerned. `none`: nothing outside the session itself. */
export type Access =
  | { kind: 'bash'; command: string; tool?: 'Monitor' }
  | { kind: 'read'; tool: string; path: string }
  | { kind: 'edit'; tool: string; path: string }
  | { kind: 'skill'; tool: 'Skill'; skill: string; args: string }
  | { kind: 'agent'; tool: 'Agent'; agent: string }
  | { kind: 'fetch'; tool: 'WebFetch'; url: string }
  /** A tool of an MCP server, by its whole name `mcp__SERVER__TOOL`. */
  | { kind: 'mcp'; tool: string }
  /** It asks a person, and does nothing else. */
  | { kind: 'question'; tool: 'AskUserQuestion' }
  /** It presents a plan. */
  | { kind: 'plan'; tool: 'ExitPlanMode' }
  /** To start, or connect to, an MCP server that a file of the workspace names. */
  | { kind: 'connect'; tool: 'ConnectMcpServer'; server: string }
  | { kind: 'none'; tool: string };

export interface PermissionScope {
  cwd: string;
  home: string;
  /** Folders beside the home that may be read unasked: output of background tasks, transcripts. */
  readable: readonly string[];
}
