import { group } from '@dormouse/crds';
import { type Clock, type KubeClient, keyOf, resources } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import type { Identity } from './authenticator.ts';
import { RememberedAnswers } from './remembered-answers.ts';

/**
 * What somebody may be allowed to do with a workspace: the verb, and the virtual subresource of `agentworkspaces` that it is
 * asked on (docs/decisions/0008).
 */
export type Right = 'attach' | 'message' | 'approve';

/** Milliseconds: how long a right that was taken away still holds, and how soon a granted one is noticed. */
const lifetime = { allowed: 10_000, denied: 2_000 };
const limit = 16_384;
const questions = 256;

/** Says whether somebody has a right to a workspace, by asking the API server: a SubjectAccessReview. */
export class Authorizer {
  readonly #kube: Pick<KubeClient, 'create'>;
  readonly #answers: RememberedAnswers<boolean>;

  constructor(kube: Pick<KubeClient, 'create'>, clock: Clock) {
    this.#kube = kube;
    this.#answers = new RememberedAnswers({
      clock,
      limit,
      questions,
      lifetime: (allowed) => (allowed ? lifetime.allowed : lifetime.denied),
      overloaded: () =>
        new Refusal('unavailable', 'Too many rights are being checked.', { 'retry-after': '1' }),
    });
  }

  /**
   * Whether the workspace exists plays no part here, so that a refusal tells nothing of it.
   * @throws Refusal `forbidden` where the right is missing.
   */
  async authorize(identity: Identity, right: Right, workspace: WorkspaceName): Promise<void> {
    const key = `${identity.tokenHash} ${right} ${keyOf(workspace)}`;
    if (await this.#answers.ask(key, () => this.#review(identity, right, workspace))) return;
    throw new Refusal(
      'forbidden',
      `${identity.username} may not ${right} in AgentWorkspace ${keyOf(workspace)}. It takes the verb "${right}" on agentworkspaces/${right} (API group ${group}) in namespace ${workspace.namespace}: ask whoever grants roles there.`,
    );
  }

  async #review(identity: Identity, right: Right, { namespace, name }: WorkspaceName): Promise<boolean> {
    const { username, uid, groups, extra } = identity;
    const { plural, version } = resources.workspaces;
    const { status } = await this.#kube.create(resources.subjectAccessReviews, {
      metadata: { name: '' },
      spec: {
        user: username,
        groups,
        ...(uid === undefined ? {} : { uid }),
        ...(extra === undefined ? {} : { extra }),
        resourceAttributes: {
          group,
          version,
          resource: plural,
          subresource: right,
          verb: right,
          namespace,
          name,
        },
      },
    });
    return status?.allowed === true;
  }
}

export interface WorkspaceName {
  namespace: string;
  name: string;
}
