import type { AgentUsage } from '@dormouse/crds';
import {
  AlreadyExistsError,
  type Clock,
  ConflictError,
  type Desired,
  keyOf,
  NotFoundError,
  type ObjectName,
  TransportError,
} from '@dormouse/operator/kube';
import { Ledger } from './ledger.ts';

/** How a request to the simulated API server goes. `lost`: it is carried out, and the answer does not come. */
export type Fate = 'answered' | 'lost' | 'refused';

/** One request that waits for its turn. */
interface Waiting {
  go: (fate: Fate) => void;
  replica: Replica;
}

/** AgentUsage objects with versions, and requests that are carried out when and how the test says. */
export class SimulatedServer {
  readonly objects = new Map<string, AgentUsage>();
  readonly waiting: Waiting[] = [];
  readonly replicas: Replica[] = [];
  /** Milliseconds. */
  now = Date.parse('2026-11-23T10:00:00Z');
  writes = 0;
  #version = 0;

  newReplica(): Replica {
    const replica = new Replica(this);
    this.replicas.push(replica);
    return replica;
  }

  async request<T>(replica: Replica, work: () => T): Promise<T> {
    const fate = await new Promise<Fate>((go) => this.waiting.push({ go, replica }));
    // Whoever is dead reads no answer; what it sent may have arrived.
    if (fate === 'refused') throw new TransportError('simulated');
    const answer = work();
    if (fate === 'lost') throw new TransportError('simulated');
    return answer;
  }

  read(name: ObjectName): AgentUsage {
    const found = this.objects.get(keyOf(name));
    if (found === undefined) throw new NotFoundError('simulated', 404);
    return found;
  }

  write(object: Desired<AgentUsage>, fresh: boolean): AgentUsage {
    const key = keyOf(object.metadata);
    const before = this.objects.get(key);
    if (fresh && before !== undefined) throw new AlreadyExistsError('simulated', 409);
    if (!fresh && before === undefined) throw new NotFoundError('simulated', 404);
    if (!fresh && object.metadata.resourceVersion !== before?.metadata.resourceVersion)
      throw new ConflictError('simulated', 409);
    this.writes += 1;
    this.#version += 1;
    const metadata = { ...object.metadata, uid: key, resourceVersion: String(this.#version) };
    const stored = { ...structuredClone(object), metadata } as AgentUsage;
    this.objects.set(key, stored);
    return stored;
  }
}

/** One gateway: its ledger, what it remembers, and whether it lives. Its watch is as late as it can be: nothing comes. */
export class Replica {
  readonly ledger: Ledger;
  alive = true;
  readonly #known = new Map<string, AgentUsage>();

  constructor(server: SimulatedServer) {
    const clock: Clock = {
      now: () => server.now,
      monotonic: () => server.now,
      // Pauses are no part of the story: the order of requests is the test's.
      schedule: (_milliseconds, callback) => {
        queueMicrotask(callback);
        return () => undefined;
      },
    };
    this.ledger = new Ledger({
      namespace: 'system',
      clock,
      random: () => 0,
      lost: () => undefined,
      records: {
        get: (name) => this.#known.get(keyOf(name)),
        of: (day) => [...this.#known.values()].filter(({ spec }) => spec.day === day),
        learn: (object) => void this.#known.set(keyOf(object.metadata), object),
        forget: (name) => void this.#known.delete(keyOf(name)),
      },
      kube: {
        get: async (_of, name) => server.request(this, () => server.read(name)) as never,
        create: async (_of, object) =>
          server.request(this, () => server.write(object as never, true)) as never,
        replace: async (_of, object) =>
          server.request(this, () => server.write(object as never, false)) as never,
      },
    });
  }
}
