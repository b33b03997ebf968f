import { createHash } from 'node:crypto';
import { archivePodName, gatewayAudience } from '@dormouse/agent-runtime/protocol';
import { type AgentWorkspace, group } from '@dormouse/crds';
import {
  type Clock,
  type KubeClient,
  type KubeObject,
  NotFoundError,
  type Pod,
  type Resource,
  resources,
} from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import type { WorkspaceName } from './authorizer.ts';
import { unauthorized } from './bearer-token.ts';
import { RememberedAnswers } from './remembered-answers.ts';

/** A workspace that showed the token of its pod. */
export interface WorkspaceIdentity extends WorkspaceName {
  uid: string;
  /** Whether it is the archive pod of the workspace that asks, which is no agent. */
  archives?: true;
}

/** The pod that a token is bound to. */
interface BoundPod extends WorkspaceName {
  uid: string;
}

export interface WorkspaceAuthenticatorOptions {
  kube: Pick<KubeClient, 'create' | 'get'>;
  clock: Clock;
  /** What the watches of this replica show. */
  cached: {
    get(name: WorkspaceName): AgentWorkspace | undefined;
    pod(name: WorkspaceName): Pod | undefined;
  };
}

/** Milliseconds: how long an accepted token is not reviewed again, and how soon a refused one is. */
const lifetime = { accepted: 10_000, refused: 2_000 };
const limit = 4_096;
const questions = 64;

/** Keys of a TokenReview's `extra`; KEP-1205. */
const podName = 'authentication.kubernetes.io/pod-name';
const podUid = 'authentication.kubernetes.io/pod-uid';

/**
 * Says which workspace a token speaks for: the one whose pod it was mounted into. The API server says for which audience it was made and to
 * which pod it is bound; that pod must be there now, under that UID, and be controlled by the workspace of its name. So a token
 * dies with its pod, whatever time is written in it.
 */
export class WorkspaceAuthenticator {
  readonly #options: WorkspaceAuthenticatorOptions;
  readonly #answers: RememberedAnswers<BoundPod | undefined>;

  constructor(options: WorkspaceAuthenticatorOptions) {
    this.#options = options;
    this.#answers = new RememberedAnswers({
      clock: options.clock,
      limit,
      questions,
      lifetime: (pod) => (pod === undefined ? lifetime.refused : lifetime.accepted),
      overloaded: () =>
        new Refusal('unavailable', 'Too many tokens are being checked.', { 'retry-after': '1' }),
    });
  }

  /**
   * @param accepts whether the archive pod of a workspace may come in, besides its agent
   * @throws Refusal `unauthorized` where the token is no workspace's; KubeError where the API server cannot say.
   */
  async identify(token: string, accepts: { archives?: true } = {}): Promise<WorkspaceIdentity> {
    const bound = await this.#answers.ask(createHash('sha256').update(token).digest('base64'), () =>
      this.#review(token),
    );
    if (bound === undefined)
      throw unauthorized(
        `The API server does not accept the token as one of a pod for the audience ${gatewayAudience}. Only agents of workspaces come in here.`,
      );
    const { cached } = this.#options;
    const pod = await this.#current(resources.pods, cached.pod(bound), bound);
    const owner = pod?.metadata.ownerReferences?.find((each) => each.controller === true);
    if (owner?.kind !== 'AgentWorkspace' || !owner.apiVersion.startsWith(`${group}/`)) throw gone(bound);
    const archives = bound.name === archivePodName(owner.name);
    if (archives ? accepts.archives !== true : bound.name !== owner.name) throw gone(bound);
    const name = { namespace: bound.namespace, name: owner.name };
    const workspace = await this.#current(resources.workspaces, cached.get(name), {
      ...name,
      uid: owner.uid,
    });
    if (workspace === undefined) throw gone(bound);
    return { ...name, uid: owner.uid, ...(archives ? { archives } : {}) };
  }

  /** The object of that UID: from the cache, or from the API server where the cache may be behind. */
  async #current<T extends KubeObject>(
    of: Resource<T>,
    cached: T | undefined,
    { uid, ...name }: WorkspaceName & { uid: string },
  ): Promise<T | undefined> {
    if (cached?.metadata.uid === uid) return cached;
    try {
      const found = await this.#options.kube.get(of, name);
      return found.metadata.uid === uid ? found : undefined;
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async #review(token: string): Promise<BoundPod | undefined> {
    const { status } = await this.#options.kube.create(resources.tokenReviews, {
      metadata: { name: '' },
      spec: { token, audiences: [gatewayAudience] },
    });
    // An API server that does not know audiences would answer none.
    if (status?.authenticated !== true || status.audiences?.includes(gatewayAudience) !== true)
      return undefined;
    const extra = status.user?.extra as Record<string, string[]> | undefined;
    const namespace = /^system:serviceaccount:([^:]+):[^:]+$/.exec(status.user?.username ?? '')?.[1];
    const [name] = extra?.[podName] ?? [];
    const [uid] = extra?.[podUid] ?? [];
    if (namespace === undefined || name === undefined || uid === undefined) return undefined;
    return { namespace, name, uid };
  }
}

function gone({ namespace, name }: BoundPod): Refusal {
  return unauthorized(
    `The token is of pod ${namespace}/${name}, which is gone, or is not the pod of the AgentWorkspace of that name.`,
  );
}
