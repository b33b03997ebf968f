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

export type HeadersFrom = NonNullable<
  NonNullable<AgentWorkspace['spec']['mcpServers']>[number]['headersFrom']
>;
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
  async read(namespace: string, url: URL, wanted: HeadersFrom): Promise<[name: string, value: string][]> {
    const headers: [string, string][] = [];
    for (const { name: header, secretKeyRef } of wanted) {
      const { name, key } = secretKeyRef;
      const found = await this.#answers.ask(`${namespace}/${name}`, () => this.#get(namespace, name));
      if ('problem' in found) throw new Refusal('forbidden', found.problem);
      const { metadata, data } = found.secret;
      const places = (metadata.annotations?.[sentToAnnotation] ?? '').split(',').map((each) => each.trim());
      if (!places.some((place) => isFor(place, url)))
        throw new Refusal(
          'forbidden',
          `Secret ${namespace}/${name} is not for ${url.origin}${places.some((place) => place.startsWith(url.origin)) ? url.pathname : ''}: who may write it sets the annotation ${sentToAnnotation}: ${url.origin}.`,
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

/** An origin is for all that is there, and a URL with a path for what lies at or below that. */
function isFor(place: string, { origin, pathname }: URL): boolean {
  if (!URL.canParse(place)) return false;
  const allowed = new URL(place);
  if (allowed.origin !== origin || allowed.origin === 'null') return false;
  const path = allowed.pathname.replace(/\/+$/, '');
  if (path === '') return true;
  // What decodes these might read another path out of them.
  if (/%(2f|5c|2e|25)|\\|\/\//i.test(pathname)) return false;
  return pathname === path || pathname.startsWith(`${path}/`);
}
