import { isDeepStrictEqual } from 'node:util';
import type { ServiceStatus } from '../../protocol/tools-api.ts';
import type { Session } from '../process/session.ts';
import { ToolFailure } from '../tool-failure.ts';
import { Service, type ServiceContext, type ServiceSpec } from './service.ts';

/** A name becomes the name of a log file. */
const validName = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** What has to happen so that exactly the declared services exist. A changed one is stopped and started. */
export function difference(
  current: readonly ServiceSpec[],
  declared: readonly ServiceSpec[],
): { stop: string[]; start: ServiceSpec[] } {
  const same = (spec: ServiceSpec, others: readonly ServiceSpec[]) =>
    others.some((other) => isDeepStrictEqual(other, spec));
  return {
    stop: current.filter((spec) => !same(spec, declared)).map((spec) => spec.name),
    start: declared.filter((spec) => !same(spec, current)),
  };
}

/** Keeps the declared services running. */
export class Supervisor {
  readonly #context: ServiceContext;
  readonly #graceMs: number;
  readonly #services = new Map<string, Service>();
  #applying: Promise<void> = Promise.resolve();

  /** `graceMs`: between TERM and KILL of a service that is not declared any more. */
  constructor(context: ServiceContext, graceMs: number) {
    this.#context = context;
    this.#graceMs = graceMs;
  }

  list(): ServiceStatus[] {
    return [...this.#services.values()].map((service) => service.describe());
  }

  /** Stops, starts and restarts what differs from `declared`; calls are carried out one after another. */
  async declare(declared: readonly ServiceSpec[]): Promise<ServiceStatus[]> {
    check(declared);
    const applied = this.#applying.then(() => this.#apply(declared, this.#graceMs));
    this.#applying = applied.catch((error) =>
      this.#context.log.error('services cannot be changed', { error }),
    );
    await applied;
    return this.list();
  }

  /** The sessions of the services that run. */
  sessions(): { spec: ServiceSpec; session: Session }[] {
    return [...this.#services.values()].flatMap(({ spec, session }) => (session ? [{ spec, session }] : []));
  }

  /** Takes a service up whose process was restored: it counts as declared. */
  adopt(spec: ServiceSpec, pid: number): void {
    const service = new Service(spec, this.#context);
    this.#services.set(spec.name, service);
    service.adopt(pid);
  }

  /** Ends all services and forgets them. Returns the names of those that were declared. */
  async stopAll(graceMs: number): Promise<string[]> {
    await this.#applying;
    const names = [...this.#services.keys()];
    await this.#apply([], graceMs);
    return names;
  }

  async #apply(declared: readonly ServiceSpec[], graceMs: number): Promise<void> {
    const current = [...this.#services.values()].map((service) => service.spec);
    const { stop, start } = difference(current, declared);
    await Promise.all(
      stop.map(async (name) => {
        await this.#services.get(name)?.stop(graceMs);
        this.#services.delete(name);
      }),
    );
    for (const spec of start) {
      const service = new Service(spec, this.#context);
      this.#services.set(spec.name, service);
      service.start();
    }
  }
}

function check(declared: readonly ServiceSpec[]): void {
  const names = new Set<string>();
  for (const { name } of declared) {
    if (!validName.test(name)) {
      throw new ToolFailure('invalid', `${JSON.stringify(name)} cannot be the name of a service`);
    }
    if (names.has(name)) throw new ToolFailure('invalid', `two services are named ${name}`);
    names.add(name);
  }
}
