import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Credentials, ForbiddenError, type KubeClient, type Pod } from '@dormouse/operator/kube';
import { missingRight } from '../access/explain.ts';
import { forwardPort } from '../cluster/port-forward.ts';
import { kinds } from '../cluster/resources.ts';
import { Failure } from '../failure.ts';

const labelSelector = 'app.kubernetes.io/name=dormouse,app.kubernetes.io/component=gateway';
/** The port of the gateway's container. */
const gatewayPort = 8080;

export interface ForwardAgentOptions {
  kube: Pick<KubeClient, 'list'>;
  credentials: Credentials;
  /** Where the gateway's pods are. */
  namespace: string;
  signal: AbortSignal;
}

/** Connections to the gateway through the API server, each to a pod that is ready when it is made. */
export class ForwardAgent extends Agent {
  readonly #options: ForwardAgentOptions;

  constructor(options: ForwardAgentOptions) {
    super({ keepAlive: true });
    this.#options = options;
  }

  override createConnection(
    _options: object,
    connected?: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    this.#dial().then(
      (socket) => connected?.(null, socket),
      (error: Error) => connected?.(error, undefined as unknown as Duplex),
    );
  }

  async #dial(): Promise<Duplex> {
    const { kube, credentials, namespace, signal } = this.#options;
    try {
      const pod = await readyPod(kube, namespace, signal);
      return await forwardPort(credentials, { namespace, name: pod.metadata.name }, gatewayPort, signal);
    } catch (error) {
      throw error instanceof ForbiddenError && error.status === 403 ? noWay(error, namespace) : error;
    }
  }
}

/** @throws Failure where there is none */
async function readyPod(
  kube: Pick<KubeClient, 'list'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Pod> {
  const { items: pods } = await kube.list(kinds.pods, { namespace, labelSelector, signal });
  const ready = pods.find(isReady);
  if (ready !== undefined) return ready;
  const found = pods.length === 0 ? 'there is no pod of it' : `none of its ${pods.length} pods is ready`;
  throw new Failure('unreachable', `the gateway is not there: ${found} in namespace "${namespace}"`, [
    `Look at them:  kubectl get pods --namespace ${namespace} --selector ${labelSelector}`,
    'Where it is somewhere else:  --gateway URL, or $DORMOUSE_GATEWAY',
  ]);
}

function isReady({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined &&
    status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
  );
}

function noWay(error: ForbiddenError, namespace: string): Failure {
  const right = missingRight(error.message);
  const what = right === undefined ? 'forward a port to it' : `${right.verb} ${right.resource}`;
  return new Failure(
    'forbidden',
    `the installation publishes no URL of its gateway, and you may not ${what} in namespace ${namespace} to reach it through the API server`,
    [
      `Ask whoever runs the cluster for a URL (the chart's value gateway.url), or for these in namespace ${namespace}: list on pods, get and create on pods/portforward.`,
      'Or name a URL that you know:  --gateway URL, or $DORMOUSE_GATEWAY',
    ],
    { cause: error },
  );
}
