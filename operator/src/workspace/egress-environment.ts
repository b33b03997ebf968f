import { egressProxyEntry } from '@dormouse/agent-runtime/protocol';
import type { Pod } from '../kube/index.ts';

type Variable = NonNullable<NonNullable<NonNullable<Pod['spec']>['containers'][number]['env']>[number]>;

/** In both spellings: some programs read the one, some the other, and curl takes http_proxy in small letters alone. */
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy'];
const exceptions = ['NO_PROXY', 'no_proxy'];
const loopback = 'localhost,127.0.0.1,::1';

/** What leads the programs of a workspace to the gateway. The key is in the Secret `secretName`, so that the pod does not show it. */
export function egressEnvironment(secretName: string): Variable[] {
  const secretKeyRef = { name: secretName, key: egressProxyEntry };
  return [
    ...proxies.map((name) => ({ name, valueFrom: { secretKeyRef } })),
    ...exceptions.map((name) => ({ name, value: loopback })),
  ];
}

/** Whether a variable is Dormouse's to set. Admission refuses it in `spec.env`; a workspace of before that may have it. */
export function isEgressVariable(name: string): boolean {
  return proxies.includes(name) || exceptions.includes(name);
}
