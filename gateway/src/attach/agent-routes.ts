import type { Right } from '../auth/index.ts';

/** One operation of agentd that people may reach, and the right that it takes. */
export interface AgentRoute {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** As agentd has it, with `:name` for one segment; also the label in logs and metrics. */
  path: string;
  right: Right;
  /** An open one is no use of the workspace: it wakes it, and does not keep it awake. */
  watches?: boolean;
  /** It is a terminal's WebSocket: what is typed comes as binary messages, its size as text. */
  terminal?: boolean;
}

/**
 * All that is let through. What the operator alone may ask for (configuration, checkpoints) is not here, nor is anything
 * that a later agentd may add.
 */
const agentRoutes: readonly AgentRoute[] = [
  { method: 'GET', path: '/v1/state', right: 'attach' },
  { method: 'GET', path: '/v1/events', right: 'attach', watches: true },
  { method: 'GET', path: '/v1/sessions', right: 'attach' },
  { method: 'GET', path: '/v1/sessions/:id/transcript', right: 'attach' },
  { method: 'GET', path: '/v1/messages/:key', right: 'attach' },
  { method: 'GET', path: '/v1/files', right: 'attach' },
  { method: 'POST', path: '/v1/messages', right: 'message' },
  { method: 'GET', path: '/v1/plugins', right: 'attach' },
  { method: 'GET', path: '/v1/mcp/servers', right: 'attach' },
  { method: 'POST', path: '/v1/mcp/servers/:name/sign-in', right: 'approve' },
  { method: 'POST', path: '/v1/mcp/servers/:name/sign-in/complete', right: 'approve' },
  { method: 'DELETE', path: '/v1/mcp/servers/:name/sign-in', right: 'approve' },
  { method: 'PATCH', path: '/v1/sessions/:id', right: 'message' },
  { method: 'POST', path: '/v1/sessions/:id/fork', right: 'message' },
  { method: 'POST', path: '/v1/sessions/:id/rewind', right: 'message' },
  { method: 'POST', path: '/v1/sessions/:id/interrupt', right: 'approve' },
  { method: 'POST', path: '/v1/approvals/:id', right: 'approve' },
  { method: 'GET', path: '/v1/schedules', right: 'attach' },
  { method: 'DELETE', path: '/v1/schedules/:id', right: 'message' },
  { method: 'GET', path: '/v1/terminals', right: 'attach' },
  { method: 'POST', path: '/v1/terminals', right: 'attach' },
  { method: 'GET', path: '/v1/terminals/:id', right: 'attach', terminal: true },
  { method: 'DELETE', path: '/v1/terminals/:id', right: 'attach' },
];

const compiled = agentRoutes.map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace(/:\w+/g, '[^/]+')}$`),
}));

/** The route; `undefined` where there is none of that path; the methods that the path takes where this is not one. */
export function findAgentRoute(method: string, path: string): AgentRoute | { allow: string[] } | undefined {
  const here = routesOf(path);
  if (here.length === 0) return undefined;
  return here.find((route) => route.method === method) ?? { allow: methodsOf(path) };
}

/** The methods that a path takes; none where there is no such path. */
export function methodsOf(path: string): AgentRoute['method'][] {
  return routesOf(path).map(({ method }) => method);
}

function routesOf(path: string): AgentRoute[] {
  return compiled.filter(({ pattern }) => pattern.test(path)).map(({ route }) => route);
}
