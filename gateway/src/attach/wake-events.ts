import { type AgentWorkspace, attachedUntilAnnotation } from '@dormouse/crds';
import type { Pod } from '@dormouse/operator/kube';
import type { Span } from '../telemetry/tracing.ts';

/** Tells the span of a request that is held what the watches show of its workspace, in the order in which they do. */
export class WakeEvents {
  readonly #span: Pick<Span, 'event'>;
  readonly #now: () => number;
  #looked = false;
  #demanded = false;
  #phase: string | undefined;
  #pod: string | undefined;

  /** @param now milliseconds since the epoch */
  constructor(span: Pick<Span, 'event'>, now: () => number) {
    this.#span = span;
    this.#now = now;
  }

  /** The two as they are now; at first the pod is taken as it is found. */
  look(workspace: AgentWorkspace | undefined, pod: Pod | undefined): void {
    const until = Date.parse(workspace?.metadata.annotations?.[attachedUntilAnnotation] ?? '');
    if (!this.#demanded && until > this.#now()) {
      this.#demanded = true;
      this.#span.event('demand written');
    }
    const uid = pod?.metadata.uid;
    if (this.#looked && uid !== this.#pod) this.#span.event(uid === undefined ? 'pod gone' : 'pod created');
    this.#looked = true;
    this.#pod = uid;
    const phase = workspace?.status?.phase;
    if (phase !== undefined && phase !== this.#phase) this.#span.event(phase);
    this.#phase = phase;
  }
}
