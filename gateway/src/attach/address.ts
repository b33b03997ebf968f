import { agentPort, keyHeaders } from '@dormouse/agent-runtime/protocol';
import type { AgentWorkspace } from '@dormouse/crds';
import { keyOf } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import type { AgentKeys } from './agent-keys.ts';
import type { Target } from './target.ts';
import type { Running } from './waiting-room.ts';

/** Where in a running workspace a request goes, and the headers that the gateway adds; names and values in turn. */
export interface Address {
  host: string;
  port: number;
  headers: string[];
}

/** @throws Refusal `not_found` where the workspace declares no such service. */
export function addressOf(
  { to, workspace: name }: Target,
  running: Running,
  workspace: AgentWorkspace | undefined,
  keys: AgentKeys,
  client: { host: string | undefined },
): Address {
  const host = running.ip;
  if (to.kind === 'agent') {
    const key = keys.of(name, running.uid);
    return {
      host,
      port: agentPort,
      headers: ['host', authority(host, agentPort), keyHeaders.bearer, `Bearer ${key}`],
    };
  }
  const services = workspace?.spec.services ?? [];
  const port = services.find((each) => each.name === to.service)?.port;
  if (port === undefined) {
    const names = services.filter((each) => each.port !== undefined).map((each) => each.name);
    throw new Refusal(
      'not_found',
      `AgentWorkspace ${keyOf(name)} has no service ${to.service} with a port. It has: ${names.join(', ') || 'none'}.`,
    );
  }
  return {
    host,
    port,
    headers: [
      // Development servers refuse names that they do not know; this one they do.
      ...['host', `localhost:${port}`],
      ...['x-forwarded-prefix', to.prefix],
      ...(client.host === undefined ? [] : ['x-forwarded-host', client.host]),
    ],
  };
}

/**
 * agentd says 401 to a key that is not its own. To the client that would say that its token is no good.
 * @throws Refusal `bad_gateway`
 */
export function checkKeyTaken({ to, workspace }: Target, status: number | undefined): void {
  if (to.kind !== 'agent' || status !== 401) return;
  throw new Refusal(
    'bad_gateway',
    `The agent of AgentWorkspace ${keyOf(workspace)} does not take the gateway's key: it was started under another master key. It will after its next sleep.`,
  );
}

/**
 * What is answered in place of a WebSocket: an agent's error goes to the client as it is.
 * @throws Refusal `bad_gateway` where it is a service's, or nobody's business but ours
 */
export function checkNotOpened(target: Target, status: number | undefined): void {
  checkKeyTaken(target, status);
  if (target.to.kind === 'service')
    throw new Refusal('bad_gateway', `The service answered ${status} and opened no WebSocket.`);
}

/** As in URLs and `Host`. */
export function authority(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An answer's `Location` as the client must follow it: paths of the service lie under its prefix. */
export function relocate({ to }: Target, { port }: Address, location: string): string {
  if (to.kind === 'agent') return location;
  const path = location.replace(new RegExp(`^https?://(localhost|127\\.0\\.0\\.1):${port}(?=/|$)`, 'i'), '');
  if (path === '') return `${to.prefix}/`;
  return path.startsWith('/') && !path.startsWith('//') ? to.prefix + path : location;
}
