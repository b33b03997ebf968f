import { type AgentUsage, usageLabels } from '@dormouse/crds';
import { type InformerSurroundings, projectWhole, WatchInformer } from '@dormouse/operator/cache';
import { keyOf, type ObjectName, resources } from '@dormouse/operator/kube';

const byDay = 'day';

/** The AgentUsage objects as this replica knows them: from its watch, and from the answers to its own writes, which are earlier. */
export class UsageRecords {
  readonly informer: WatchInformer<AgentUsage, AgentUsage>;
  readonly #written = new Map<string, AgentUsage>();

  /** @param namespace that of the release */
  constructor(namespace: string, around: InformerSurroundings) {
    this.informer = new WatchInformer(
      {
        resource: resources.usages,
        namespace,
        project: projectWhole,
        indexes: { [byDay]: ({ metadata }) => metadata.labels?.[usageLabels.day] },
      },
      around,
    );
    this.informer.subscribe(({ type, object }) => {
      const key = keyOf(object.metadata);
      const written = this.#written.get(key);
      if (written !== undefined && (type === 'deleted' || !isNewer(written, object)))
        this.#written.delete(key);
    });
  }

  /** The newest that is known; somebody else's write may be newer still. */
  get(name: ObjectName): AgentUsage | undefined {
    return this.#written.get(keyOf(name)) ?? this.informer.get(name);
  }

  /** All of one UTC day. */
  of(day: string): AgentUsage[] {
    const watched = this.informer.by(byDay, day).map((each) => this.get(each.metadata) ?? each);
    const unseen = [...this.#written.values()].filter(
      ({ metadata, spec }) => spec.day === day && this.informer.get(metadata) === undefined,
    );
    return [...watched, ...unseen];
  }

  /** Takes what the API server answered to a read or a write. */
  learn(object: AgentUsage): void {
    const seen = this.informer.get(object.metadata);
    if (seen === undefined || isNewer(object, seen)) this.#written.set(keyOf(object.metadata), object);
  }

  forget(name: ObjectName): void {
    this.#written.delete(keyOf(name));
  }
}

/** Resource versions of one kind grow. To be wrong here would cost a conflict and another read. */
function isNewer(a: AgentUsage, b: AgentUsage): boolean {
  return BigInt(a.metadata.resourceVersion ?? 0) > BigInt(b.metadata.resourceVersion ?? 0);
}
