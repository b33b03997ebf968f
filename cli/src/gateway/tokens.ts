import { text } from 'node:stream/consumers';
import {
  type Clock,
  type Credentials,
  errorOf,
  type KubeClient,
  NotFoundError,
} from '@dormouse/operator/kube';
import { z } from 'zod';
import { Failure } from '../failure.ts';

/** The token that is shown to the gateway. `renew`: the last one was refused. */
export type Tokens = (renew?: boolean) => Promise<string>;

/** The ServiceAccount that stands for people whose kubeconfig holds a certificate, unless they name another one. */
export const usualServiceAccount = 'dormouse-cli';
/** Seconds that a token is asked for, and milliseconds before its end at which it counts as expired. */
const lifetime = 3600;
const margin = 60_000;

/** The kubeconfig's own bearer token: a fixed one, a plugin's, or an OIDC provider's. undefined: it proves otherwise. */
export async function ownTokens(credentials: Credentials): Promise<Tokens | undefined> {
  const read = async (renew: boolean) => {
    const { authorization = '' } = (await credentials.proof(renew)).headers;
    return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  };
  if ((await read(false)) === undefined) return undefined;
  return async (renew = false) => (await read(renew)) ?? '';
}

const tokenAnswer = z.object({
  status: z.object({ token: z.string().min(1), expirationTimestamp: z.iso.datetime({ offset: true }) }),
});

/** Tokens of a ServiceAccount, for which the API server is asked as often as one runs out. */
export function serviceAccountTokens(
  kube: Pick<KubeClient, 'raw'>,
  account: { namespace: string; name: string },
  clock: Pick<Clock, 'now'>,
  signal: AbortSignal,
): Tokens {
  let held: { token: string; expires: number } | undefined;
  return async (renew = false) => {
    if (!renew && held !== undefined && held.expires - margin > clock.now()) return held.token;
    const { token, expirationTimestamp } = await requestToken(kube, account, signal);
    held = { token, expires: Date.parse(expirationTimestamp) };
    return token;
  };
}

/** @throws KubeError where the person may not ask for it; Failure where there is no such account */
async function requestToken(
  kube: Pick<KubeClient, 'raw'>,
  { namespace, name }: { namespace: string; name: string },
  signal: AbortSignal,
) {
  const at = `serviceaccounts/${encodeURIComponent(name)}/token`;
  const { status, body } = await kube.raw({
    method: 'POST',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/${at}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: lifetime },
    }),
    signal,
  });
  const answer = await text(body);
  if (status < 300) return tokenAnswer.parse(JSON.parse(answer)).status;
  const error = errorOf(`create serviceaccounts/token ${namespace}/${name}`, status, answer);
  if (!(error instanceof NotFoundError)) throw error;
  throw new Failure(
    'forbidden',
    `the gateway takes tokens, your kubeconfig has none, and there is no ServiceAccount "${name}" in namespace "${namespace}" to ask for one`,
    [
      'Make it, with the rights that you want through the gateway:',
      `  kubectl create serviceaccount ${name} --namespace ${namespace}`,
      `  kubectl create rolebinding ${name} --namespace ${namespace} --clusterrole dormouse-user --serviceaccount ${namespace}:${name}`,
      'Or name another one:  --service-account NAME, or $DORMOUSE_SERVICE_ACCOUNT',
    ],
    { cause: error },
  );
}
