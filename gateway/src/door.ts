import type { IncomingMessage } from 'node:http';
import { KubeError, keyOf } from '@dormouse/operator/kube';
import { type Target, targetOf } from './attach/index.ts';
import {
  type Authenticator,
  type Authorizer,
  bearerToken,
  checkOrigin,
  type Identity,
} from './auth/index.ts';
import { Refusal } from './http/refusal.ts';
import type { ConnectionLimits } from './limits/index.ts';
import { noSpan, type Span, within } from './telemetry/tracing.ts';

export interface DoorOptions {
  authenticator: Pick<Authenticator, 'identify'>;
  authorizer: Pick<Authorizer, 'authorize'>;
  connections: ConnectionLimits<'user' | 'workspace'>;
  /** Pages of these origins may use the gateway, besides its own. */
  origins: ReadonlySet<string>;
}

/** A request that may be served. */
export interface Admission {
  identity: Identity;
  target: Target;
  /** Asks again, for what stays open for long. Rejects as `admit` does. */
  check: () => Promise<void>;
  /** To be called when it is over. */
  leave: () => void;
}

/** Decides who may come in. Every way in leads through here; there is no other. */
export class Door {
  readonly #options: DoorOptions;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  /**
   * `seen` is told what is known so far, so that a refusal can be accounted to somebody.
   * @throws Refusal
   */
  async admit(
    request: IncomingMessage,
    upgrade: boolean,
    seen: (what: { target?: Target; identity?: Identity }) => void,
    span: Span,
  ): Promise<Admission> {
    const { authenticator, authorizer, connections, origins } = this.#options;
    checkOrigin(request.headers, origins);
    // The gateway frames the body anew, and would have to undo any other coding.
    if (!/^(chunked)?$/i.test(request.headers['transfer-encoding'] ?? ''))
      throw new Refusal('invalid', 'Transfer-Encoding can be nothing but chunked.');
    const token = bearerToken(request.rawHeaders, upgrade);
    const target = targetOf(request.method ?? '', request.url);
    seen({ target });
    if (upgrade && (target.webSocket === undefined || request.headers.upgrade?.toLowerCase() !== 'websocket'))
      throw new Refusal(
        'invalid',
        'Only WebSockets to services and to terminals of a workspace can be opened here.',
      );
    const check = async (part: Span) => {
      const identity = await within(part, 'identify', () => reviewed(authenticator.identify(token)));
      seen({ identity });
      const { right, workspace } = target;
      await within(part, 'authorize', () => reviewed(authorizer.authorize(identity, right, workspace)));
      return identity;
    };
    const identity = await check(span);
    const leave = connections.enter({ user: identity.username, workspace: keyOf(target.workspace) });
    return { identity, target, leave, check: async () => void (await check(noSpan)) };
  }
}

/** What the API server could not answer is no refusal of the caller. */
async function reviewed<T>(question: Promise<T>): Promise<T> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof KubeError && error.retryable)
      throw new Refusal('unavailable', 'The API server, which says who may do what, does not answer now.', {
        'retry-after': '2',
      });
    throw error;
  }
}
