import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemHeader } from '@dormouse/agent-runtime/protocol';
import { type Clock, ForbiddenError, KubeError, keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { answerRefusal } from '../http/answer.ts';
import { abortWhenLeft, ClientLeft } from '../http/client-left.ts';
import { Listener } from '../http/listener.ts';
import { Refusal, refusalOf } from '../http/refusal.ts';
import type { ArchiveAdmission, ArchiveDoor } from './archive-door.ts';
import type { ArchiveStore } from './archive-store.ts';

export interface ArchiveGatewayOptions {
  door: Pick<ArchiveDoor, 'admit'>;
  store: Pick<ArchiveStore, 'serve'>;
  clock: Clock;
  log: Logger;
  /** Told of each request that ended: `answered`, `left`, or the code of a refusal. */
  ended: (outcome: string) => void;
  /** Milliseconds for the headers of a request, and for the whole of it. */
  timeouts: { headers: number; request: number };
}

/** The HTTP server for pods that archive or restore, and nothing else. */
export class ArchiveGateway {
  readonly #options: ArchiveGatewayOptions;
  readonly #listener: Listener<{ controller: AbortController }>;

  constructor(options: ArchiveGatewayOptions) {
    this.#options = options;
    const { clock, timeouts } = options;
    this.#listener = new Listener({
      ...{ clock, timeouts },
      request: (request, response) => void this.#visit(request, response),
    });
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  listen(port: number): Promise<number> {
    return this.#listener.listen(port);
  }

  /** Takes no new connections and gives requests `grace` milliseconds. What is cut off is sent again by who sent it. */
  drain(grace: number): Promise<void> {
    return this.#listener.drain(grace, {
      reason: () => new Refusal('unavailable', 'The gateway is being restarted. Send it again.'),
    });
  }

  async #visit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { door, store, log, ended } = this.#options;
    const controller = new AbortController();
    const leave = this.#listener.enter({ controller });
    abortWhenLeft(response, controller);
    const { signal } = controller;
    const seen: Partial<Pick<ArchiveAdmission, 'asked' | 'workspace'>> = {};
    let outcome = 'answered';
    try {
      const admission = await door.admit(request, (what) => Object.assign(seen, what));
      try {
        await store.serve(admission, { request, response, signal });
      } finally {
        admission.leave();
      }
    } catch (error) {
      if (signal.aborted && signal.reason instanceof ClientLeft) outcome = 'left';
      else {
        const refusal = refusalOfArchive(error);
        outcome = refusal.code;
        if (refusal.code === 'internal') log.error({ err: error }, 'archive request failed');
        // That an object is not there is an answer like any other.
        else if (refusal.code !== 'not_found') tell(log, seen, refusal);
        answerRefusal(response, inHeader(refusal));
      }
    } finally {
      leave();
      ended(outcome);
    }
  }
}

function tell(
  log: Logger,
  { asked, workspace }: Partial<Pick<ArchiveAdmission, 'asked' | 'workspace'>>,
  { code, message }: Refusal,
): void {
  const who = workspace && { workspace: keyOf({ namespace: workspace.namespace, name: workspace.name }) };
  log.warn(
    { ...who, archives: asked?.repository, outcome: code, detail: message },
    'archive request refused',
  );
}

/** An answer to HEAD has no body to say it in. */
function inHeader({ code, message, headers, phrase }: Refusal): Refusal {
  const all = { ...headers, [problemHeader]: encodeURIComponent(message) };
  return new Refusal(code, message, all, phrase);
}

/** What the API server could not answer is no fault of the caller. */
function refusalOfArchive(error: unknown): Refusal {
  if (!(error instanceof KubeError) || error instanceof ForbiddenError) return refusalOf(error);
  return new Refusal(
    'unavailable',
    `The API server, which says who asks, does not answer: ${error.message}`,
    {
      'retry-after': '2',
    },
  );
}
