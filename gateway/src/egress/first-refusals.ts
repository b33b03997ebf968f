import { type AgentWorkspace, apiVersion } from '@dormouse/crds';
import type { Clock } from '@dormouse/operator/kube';
import type { EventRecorder } from '@dormouse/operator/telemetry';
import { authorityOf, type Destination } from './destination.ts';

export interface FirstRefusalsOptions {
  recorder: Pick<EventRecorder, 'record'>;
  clock: Pick<Clock, 'now'>;
}

/** Milliseconds for which a refusal is remembered: it is told once a day. */
const memory = 24 * 3_600_000;
/** An agent that tries name after name must not fill the API server with Events. */
const mostOfAWorkspace = 20;
const mostWorkspaces = 10_000;

interface Told {
  since: number;
  destinations: Set<string>;
}

/** Makes an Event of the first refusal of each destination, so that `kubectl get events` shows what to ask for. */
export class FirstRefusals {
  readonly #options: FirstRefusalsOptions;
  /** By the UID of a workspace, the longest known first. */
  readonly #told = new Map<string, Told>();

  constructor(options: FirstRefusalsOptions) {
    this.#options = options;
  }

  note({ metadata }: AgentWorkspace, to: Destination, message: string): void {
    const { destinations } = this.#of(metadata.uid ?? '');
    const destination = authorityOf(to);
    if (destinations.has(destination) || destinations.size >= mostOfAWorkspace) return;
    destinations.add(destination);
    this.#options.recorder.record(
      { apiVersion, kind: 'AgentWorkspace', metadata },
      { type: 'Warning', reason: 'EgressRefused', about: destination, message },
    );
  }

  #of(uid: string): Told {
    const now = this.#options.clock.now();
    const known = this.#told.get(uid);
    if (known !== undefined && now - known.since < memory) return known;
    const fresh = { since: now, destinations: new Set<string>() };
    this.#told.delete(uid);
    this.#told.set(uid, fresh);
    const [oldest] = this.#told.keys();
    if (this.#told.size > mostWorkspaces && oldest !== undefined) this.#told.delete(oldest);
    return fresh;
  }
}
