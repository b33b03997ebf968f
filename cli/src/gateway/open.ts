import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import type { Access, Surroundings } from '../surroundings.ts';
import { ForwardAgent } from './forward-agent.ts';
import { Gateway } from './gateway.ts';
import { ownTokens, serviceAccountTokens, type Tokens, usualServiceAccount } from './tokens.ts';
import { findWay, isExposed, type Way } from './way.ts';

/** What the command line says of the gateway. */
export interface GatewayChoice {
  gateway?: string;
  serviceAccount?: string;
}

/** The gateway as it is reached. */
export interface Opened extends Disposable {
  gateway: Gateway;
  /** For people: `https://…`, or that it is reached through the API server. */
  where: string;
  /** What they should know, one line each: whose token is shown, and to whom it could leak. */
  notes: string[];
}

/**
 * Finds the gateway, and a token to show to it. Nothing is asked of the gateway itself.
 * @throws Failure, KubeError
 */
export async function openGateway(
  around: Pick<Surroundings, 'env' | 'clock' | 'signal'>,
  access: Access,
  choice: GatewayChoice,
): Promise<Opened> {
  const { env, signal } = around;
  const way = await findWay(
    access.kube,
    { option: choice.gateway, environment: env.DORMOUSE_GATEWAY },
    signal,
  );
  const notes: string[] = [];
  if (way.kind === 'url' && isExposed(way.url))
    notes.push(`${way.url.origin} is not encrypted: whoever listens on the way there can use your token.`);
  const tokens = await findTokens(around, access, choice, notes);
  const gateway = new Gateway({ ...reach(way, access, signal), tokens });
  return {
    gateway,
    where:
      way.kind === 'url'
        ? `${way.url.href}, by ${way.said}`
        : `through the API server, in namespace ${way.namespace}`,
    notes,
    [Symbol.dispose]: () => gateway.close(),
  };
}

function reach(way: Way, { kube, credentials }: Access, signal: AbortSignal) {
  if (way.kind === 'forward') {
    const agent = new ForwardAgent({ kube, credentials, namespace: way.namespace, signal });
    return { url: new URL('http://dormouse-gateway'), agent };
  }
  const options = { keepAlive: true };
  const agent = way.url.protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
  return { url: way.url, agent };
}

async function findTokens(
  { env, clock, signal }: Pick<Surroundings, 'env' | 'clock' | 'signal'>,
  { kube, credentials, namespace }: Access,
  { serviceAccount }: GatewayChoice,
  notes: string[],
): Promise<Tokens> {
  const chosen = serviceAccount ?? (env.DORMOUSE_SERVICE_ACCOUNT || undefined);
  const own = chosen === undefined ? await ownTokens(credentials) : undefined;
  if (own !== undefined) return own;
  const name = chosen ?? usualServiceAccount;
  if (chosen === undefined)
    notes.push(
      `Your kubeconfig has no token, and the gateway takes nothing else: it sees you as ServiceAccount ${namespace}/${name}.`,
    );
  return serviceAccountTokens(kube, { namespace, name }, clock, signal);
}
