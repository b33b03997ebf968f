import { type AgentWorkspace, sentToAnnotation } from '@dormouse/crds';
import {
  type Clock,
  ForbiddenError,
  type KubeClient,
  NotFoundError,
  resources,
  type Secret,
} from '@dormouse/operator/kube';
import { RememberedAnswers } from '../auth/remembered-answers.ts';
import { Refusal } from '../http/refusal.ts';

type HeadersFrom = NonNullable<NonNullable<AgentWorkspace['spec']['mcpServers']>[number]['headersFrom']>;
type Found = { secret: Secret } | { problem: string };

/** Milliseconds: how soon a replaced value is noticed. */
const lifetime = 5_000;
const limit = 1_024;

/**
 * Values of headers, from Secrets of the namespaces of workspaces. The gateway has no right to them but where somebody of the namespace
 * gave it one, and the Secret itself says where its values may be sent: who may write a workspace has no right to read Secrets.
 */
export class SecretHeaders {
  readonly #kube: Pick<KubeClient, 'get'>;
  readonly #answers: RememberedAnswers<Found>;

  constructor(kube: Pick<KubeClient, 'get'>, clock: Clock) {
    this.#kube = kube;
    this.#answers = new RememberedAnswers({
      clock,
      limit,
      questions: limit,
      lifetime: () => lifetime,
      overloaded: () =>
        new Refusal('unavailable', 'Too many Secrets are being read.', { 'retry-after': '1' }),
    });
  }

  /** @throws Refusal that says what to mend; KubeError where the API server cannot say. */
  async read(
    namespace: string,
    origin: string,
    wanted: HeadersFrom,
  ): Promise<[name: string, value: string][]> {
    const headers: [string, string][] = [];
    for (const { name: header, secretKeyRef } of wanted) {
      const { name, key } = secretKeyRef;
      const found = await this.#answers.ask(`${namespace}/${name}`, () => this.#get(namespace, name));
      if ('problem' in found) throw new Refusal('forbidden', found.problem);
      const { metadata, data } = found.secret;
      const origins = (metadata.annotations?.[sentToAnnotation] ?? '').split(',').map((each) => each.trim());
      if (!origins.includes(origin))
        throw new Refusal(
          'forbidden',
          `Secret ${namespace}/${name} is not for ${origin}: who may write it sets the annotation ${sentToAnnotation}: ${origin}.`,
        );
      const value = Buffer.from((data as Record<string, string> | undefined)?.[key] ?? '', 'base64')
        .toString('utf8')
        .trim();
      if (!/^[\x20-\x7e]+$/.test(value))
        throw new Refusal('forbidden', `Secret ${namespace}/${name} has no ${key} that can be a header.`);
      headers.push([header, value]);
    }
    return headers;
  }

  async #get(namespace: string, name: string): Promise<Found> {
    try {
      return { secret: await this.#kube.get(resources.secrets, { namespace, name }) };
    } catch (error) {
      if (error instanceof NotFoundError) return { problem: `There is no Secret ${namespace}/${name}.` };
      if (!(error instanceof ForbiddenError)) throw error;
      return {
        problem: `The gateway may not read Secret ${namespace}/${name}: somebody of the namespace gives its ServiceAccount the right to get it, by a Role with resourceNames and a RoleBinding. See docs/concepts/mcp.md.`,
      };
    }
  }
}
