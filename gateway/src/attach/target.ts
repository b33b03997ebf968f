import type { Right, WorkspaceName } from '../auth/index.ts';
import type { CrossOriginTerms } from '../http/cross-origin.ts';
import { Refusal } from '../http/refusal.ts';
import { findAgentRoute, methodsOf } from './agent-routes.ts';
import type { Typed } from './data-frames.ts';
import { parseRequestPath } from './request-path.ts';

/** What a request is for, before anybody was asked whether it may. */
export interface Target {
  workspace: WorkspaceName;
  right: Right;
  to: { kind: 'agent' } | { kind: 'service'; service: string; prefix: string };
  /** What the workspace is asked for: path and query. */
  path: string;
  /** For logs and metrics: of few values. */
  route: string;
  /** Whether it only watches; see `AgentRoute`. */
  watches: boolean;
  /** The gateway answers by itself, as an MCP server. */
  mcp?: true;
  /** Where it can be a WebSocket: which messages of its client are what somebody typed. */
  webSocket?: { typed: Typed };
}

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/**
 * The routes: `/v1/namespaces/NS/workspaces/NAME/agent/…` for what agentd has under `/v1/`, and `…/ports/SERVICE/…` for a
 * declared service; `…/mcp` is the workspace as an MCP server.
 *
 * @throws Refusal `invalid`, `not_found` or `method_not_allowed`
 */
export function targetOf(method: string, url: string | undefined): Target {
  const { workspace, kind, rest, query } = placeOf(url);
  if (kind === 'mcp') return mcpTarget(workspace, method, rest);
  return kind === 'agent'
    ? agentTarget(workspace, method, rest, query)
    : serviceTarget(workspace, rest, query);
}

/**
 * What a page of another origin may send to a path. A service takes what it takes: `*` covers any method, and any header but
 * `Authorization`.
 *
 * @throws Refusal `invalid` or `not_found`
 */
export function crossOriginTermsOf(url: string | undefined): CrossOriginTerms {
  const { kind, rest } = placeOf(url);
  if (kind === 'mcp') return { methods: ['POST'], headers: mcpHeaders };
  if (kind === 'ports') return { methods: ['*'], headers: ['authorization', '*'] };
  const methods = methodsOf(agentPath(rest));
  if (methods.length === 0) throw nothingHere();
  return {
    methods,
    headers: ['authorization', 'content-type', 'last-event-id', 'traceparent', 'tracestate'],
  };
}

function placeOf(url: string | undefined) {
  const { segments, query } = parseRequestPath(url);
  const [version, namespaces, namespace = '', workspaces, name = '', kind, ...rest] = segments;
  if (version !== 'v1' || namespaces !== 'namespaces' || workspaces !== 'workspaces') throw nothingHere();
  if (!label.test(namespace) || !label.test(name)) throw nothingHere();
  if (kind !== 'agent' && kind !== 'ports' && kind !== 'mcp') throw nothingHere();
  return { workspace: { namespace, name }, kind, rest, query };
}

function agentPath(rest: string[]): string {
  return `/v1/${rest.join('/')}`;
}

function agentTarget(workspace: WorkspaceName, method: string, rest: string[], query: string): Target {
  const path = agentPath(rest);
  const found = findAgentRoute(method, path);
  if (found === undefined) throw nothingHere();
  if ('allow' in found) {
    const allow = found.allow.join(', ');
    throw new Refusal('method_not_allowed', `This path takes ${allow}.`, { allow });
  }
  return {
    workspace,
    right: found.right,
    to: { kind: 'agent' },
    path: path + query,
    route: `${found.method} ${found.path}`,
    watches: found.watches ?? false,
    ...(found.terminal === true ? { webSocket: { typed: 'binary' } } : {}),
  };
}

/** What a client of MCP sends besides its message. */
const mcpHeaders = [
  ...['authorization', 'content-type', 'mcp-protocol-version', 'mcp-session-id', 'mcp-method', 'mcp-name'],
  ...['last-event-id', 'traceparent', 'tracestate'],
];

/** To be let in takes what it takes to look; what a tool takes besides is asked when it is called. */
function mcpTarget(workspace: WorkspaceName, method: string, rest: string[]): Target {
  if (rest.length > 0) throw nothingHere();
  if (method !== 'POST') throw new Refusal('method_not_allowed', 'This path takes POST.', { allow: 'POST' });
  return {
    workspace,
    right: 'attach',
    to: { kind: 'agent' },
    path: '/mcp',
    route: 'mcp',
    watches: false,
    mcp: true,
  };
}

function serviceTarget(workspace: WorkspaceName, rest: string[], query: string): Target {
  const [service = '', ...path] = rest;
  if (!label.test(service)) throw nothingHere();
  const prefix = `/v1/namespaces/${workspace.namespace}/workspaces/${workspace.name}/ports/${service}`;
  if (path.length === 0)
    throw new Refusal('not_found', `The paths of service ${service} begin with ${prefix}/ (with a slash).`);
  return {
    workspace,
    right: 'attach',
    to: { kind: 'service', service, prefix },
    path: `/${path.join('/')}${query}`,
    route: 'port',
    watches: false,
    webSocket: { typed: 'all' },
  };
}

function nothingHere(): Refusal {
  return new Refusal(
    'not_found',
    'There is no such route. Workspaces are at /v1/namespaces/NAMESPACE/workspaces/NAME/agent/…, …/ports/SERVICE/… and …/mcp.',
  );
}
