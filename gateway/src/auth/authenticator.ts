import { createHash } from 'node:crypto';
import { type Clock, type KubeClient, resources } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import { unauthorized } from './bearer-token.ts';
import { RememberedAnswers } from './remembered-answers.ts';

/** Who asks, as the API server knows them. */
export interface Identity {
  /** Stands for the token wherever something is remembered about it. */
  tokenHash: string;
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** Milliseconds: how long a token that was revoked is still good here, and how soon a new one is noticed. */
const lifetime = { accepted: 10_000, refused: 2_000 };
const limit = 4_096;
const questions = 64;

/** Says whose a token is, by asking the API server: a TokenReview with the API server's own audience. */
export class Authenticator {
  readonly #kube: Pick<KubeClient, 'create'>;
  readonly #answers: RememberedAnswers<Identity | undefined>;

  constructor(kube: Pick<KubeClient, 'create'>, clock: Clock) {
    this.#kube = kube;
    this.#answers = new RememberedAnswers({
      clock,
      limit,
      questions,
      lifetime: (identity) => (identity === undefined ? lifetime.refused : lifetime.accepted),
      overloaded: () =>
        new Refusal('unavailable', 'Too many tokens are being checked.', { 'retry-after': '1' }),
    });
  }

  /** @throws Refusal `unauthorized` where the API server does not accept the token. */
  async identify(token: string): Promise<Identity> {
    const tokenHash = createHash('sha256').update(token).digest('base64');
    const identity = await this.#answers.ask(tokenHash, () => this.#review(token, tokenHash));
    if (identity === undefined)
      throw unauthorized(
        'The API server does not accept the token: it is expired, revoked, or made for another audience. Get a new one.',
      );
    return identity;
  }

  async #review(token: string, tokenHash: string): Promise<Identity | undefined> {
    const { status } = await this.#kube.create(resources.tokenReviews, {
      metadata: { name: '' },
      spec: { token },
    });
    const { username, uid, groups, extra } = status?.user ?? {};
    if (status?.authenticated !== true || username === undefined || username === '') return undefined;
    return {
      tokenHash,
      username,
      groups: groups ?? [],
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra: extra as Record<string, string[]> }),
    };
  }
}
