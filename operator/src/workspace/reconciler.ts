import {
  ConflictError,
  ForbiddenError,
  keyOf,
  NotFoundError,
  nameOf,
  type ObjectName,
} from '../kube/index.ts';
import type { Outcome } from '../queue/index.ts';
import type { AgentConnections } from '../runtime/index.ts';
import type { Logger } from '../telemetry/index.ts';
import type { Action, Plan } from './actions.ts';
import { apply } from './apply.ts';
import { observe, type Sources } from './observe.ts';
import { plan } from './plan.ts';
import { emptyMemory, type Memory, type Snapshot } from './snapshot.ts';
import { LearntError, StaleError, type Surroundings } from './surroundings.ts';
import { Written } from './written.ts';

export interface ReconcilerOptions {
  sources: Sources;
  surroundings: Surroundings;
  connections: Pick<AgentConnections, 'get' | 'view' | 'connect' | 'disconnect'>;
  log: Logger;
}

interface Entry {
  memory: Memory;
  written: Written;
}

/** Looks in a row at one workspace; more would mean that two parts of the plan undo each other. */
const longestRow = 12;
/** Milliseconds until a look that found its view to be old is repeated, if the watch does not bring news before. */
const stale = 150;
/** Milliseconds until something is created again in a namespace that was being deleted. */
const namespaceGoing = 5_000;

function creates({ do: what }: Action): boolean {
  return what === 'createPod' || what === 'createClaim' || what === 'applySecret';
}

/** Brings one workspace closer to what it shall be: observe, plan, apply, until there is nothing to do. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #entries = new Map<string, Entry>();
  /**
   * Namespaces that are being deleted, and until when nothing is created in them. A thousand workspaces whose pods went first
   * would otherwise ask for a thousand new ones, again and again, and be refused.
   */
  readonly #going = new Map<string, number>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** The worker of the queue. */
  async reconcile(
    key: string,
    signal: AbortSignal,
    looks: () => void = () => undefined,
  ): Promise<Outcome | undefined> {
    const name = workspaceName(key);
    const entry = this.#entry(key);
    for (let row = 0; row < longestRow; row += 1) {
      looks();
      const snapshot = this.#observe(key, name, entry);
      const next = plan(snapshot);
      this.#connect(key, next, snapshot);
      if (next.steps.length === 0) {
        this.#tidy(key, entry, snapshot);
        return next.deadline === undefined
          ? undefined
          : { requeueAfter: Math.max(0, next.deadline - this.#options.sources.now()) };
      }
      const pause = this.#pause(name.namespace);
      if (pause > 0 && next.steps.some((step) => step.some(creates))) return { requeueAfter: pause };
      this.#tell(key, next.steps, snapshot);
      const outcome = await this.#apply(next.steps, snapshot, entry, signal);
      if (outcome !== undefined) return outcome;
      // Its own deletion is seen by the watch, not by looking again.
      if (next.steps.some((step) => step.some((each) => each.do === 'deleteWorkspace')))
        return { requeueAfter: 1_000 };
    }
    this.#options.log.warn({ workspace: key }, 'workspace does not settle');
    return { requeueAfter: 1_000 };
  }

  /** Milliseconds for which nothing is created in a namespace, because it is going away. */
  #pause(namespace: string): number {
    return (this.#going.get(namespace) ?? 0) - this.#options.sources.now();
  }

  /** Forgets by the way those that were seen to go before: nobody looks into a namespace that is gone. */
  #noteGoing(namespace: string): void {
    const now = this.#options.sources.now();
    for (const [other, until] of this.#going) if (until <= now) this.#going.delete(other);
    this.#going.set(namespace, now + namespaceGoing);
  }

  /** Whether a change that a watch brings is nothing but what this process wrote. */
  isEcho(key: string, object: Parameters<Written['isEcho']>[0]): boolean {
    return this.#entries.get(key)?.written.isEcho(object) ?? false;
  }

  /** A watch showed that a message or checkpoint is gone. */
  noteGone(key: string, uid: string): void {
    this.#entries.get(key)?.written.noteGone(uid);
  }

  #entry(key: string): Entry {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const entry = { memory: emptyMemory(), written: new Written() };
    this.#entries.set(key, entry);
    return entry;
  }

  #observe(key: string, name: ObjectName & { namespace: string }, { memory, written }: Entry): Snapshot {
    const { sources, connections } = this.#options;
    return observe(sources, name, { memory, written, runtime: connections.view(key) });
  }

  #connect(key: string, { connectTo }: Plan, { name, workspace, messages }: Snapshot): void {
    const { connections, surroundings } = this.#options;
    if (connectTo === undefined || workspace === undefined) {
      connections.disconnect(key);
      return;
    }
    connections.connect(key, {
      ...connectTo,
      namespace: name.namespace,
      key: surroundings.agentKey(workspace),
    });
    const open = new Set(
      messages
        .filter(({ status }) => status?.phase !== 'Completed' && status?.phase !== 'Failed')
        .map(({ metadata }) => metadata.uid),
    );
    connections.get(key)?.forgetRecords((uid) => open.has(uid));
  }

  async #apply(
    steps: Action[][],
    snapshot: Snapshot,
    entry: Entry,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { log, surroundings } = this.#options;
    const workspace = keyOf(snapshot.name);
    try {
      await apply(steps, snapshot, entry, surroundings, signal);
      return undefined;
    } catch (error) {
      if (error instanceof LearntError) {
        log.info({ workspace, reason: error.message }, 'workspace is hindered');
        return undefined;
      }
      if (
        error instanceof StaleError ||
        error instanceof ConflictError ||
        (error instanceof NotFoundError && snapshot.workspace !== undefined)
      ) {
        log.debug({ workspace, reason: error.message }, 'view is stale');
        return { requeueAfter: stale };
      }
      if (error instanceof ForbiddenError && error.namespaceTerminating) {
        log.info({ workspace }, 'namespace is going away');
        this.#noteGoing(snapshot.name.namespace);
        return { requeueAfter: namespaceGoing };
      }
      throw error;
    }
  }

  /** One line for each transition, none for details. */
  #tell(key: string, steps: Action[][], { workspace }: Snapshot): void {
    for (const action of steps.flat()) {
      if (action.do !== 'writeStatus' || action.status.phase === workspace?.status?.phase) continue;
      const ready = action.status.conditions?.find((each) => each.type === 'Ready');
      this.#options.log.info(
        {
          workspace: key,
          phase: action.status.phase,
          was: workspace?.status?.phase,
          reason: ready?.reason,
          detail: ready?.message,
        },
        'workspace changes phase',
      );
    }
  }

  /** A workspace that sleeps, or is gone, costs its cached object and nothing else. */
  #tidy(key: string, { memory, written }: Entry, { workspace }: Snapshot): void {
    if (workspace !== undefined && workspace.status?.phase !== 'Suspended') return;
    const forgettable =
      written.isEmpty && memory.podProblem === undefined && memory.checkpointProblem === undefined;
    if (workspace === undefined || forgettable) this.#entries.delete(key);
  }
}

function workspaceName(key: string): ObjectName & { namespace: string } {
  const { namespace = '', name } = nameOf(key);
  return { namespace, name };
}
