import { type Clock, type KubeClient, type KubeObject, resources } from '../kube/index.ts';
import type { Logger } from './log.ts';

/** Something that a person wants to see in `kubectl describe`. */
export interface EventNote {
  type: 'Normal' | 'Warning';
  /** One CamelCase word; with the object it is what events are aggregated by. */
  reason: string;
  /** What keeps events of one object and reason apart that are no repetitions; of few values. */
  about?: string;
  /** A sentence. Of repeated events the newest is shown. Cut at 1024 bytes. */
  message: string;
}

/** Events that are written at the same time, and that wait for it. What comes beyond is dropped and counted. */
const atOnce = 8;
const longestLine = 1024;
/** Milliseconds in which repetitions become one Event with a count; no object gets more than that often. */
const aggregation = 10_000;
/** As the API server allows it. */
const longestMessage = 1024;

export interface EventSurroundings {
  kube: Pick<KubeClient, 'create'>;
  clock: Clock;
  log: Logger;
  dropped: { inc(): void };
  /** Which program tells it. Default: dormouse-operator. */
  component?: string;
  /** The replica that tells it. */
  identity: string;
}

/** What happened to one object for one reason since the last Event about it was written. */
interface Series {
  object: KubeObject;
  note: EventNote;
  first: number;
  last: number;
  count: number;
  cancel: () => void;
}

/**
 * Writes core/v1 Events in the background: it never throws and never waits. The first of its kind is written at once,
 * those that follow within ten seconds as one with a count. Events are only ever created, a right that can do little harm.
 */
export class EventRecorder {
  readonly #around: EventSurroundings;
  readonly #series = new Map<string, Series>();
  #line: Series[] = [];
  readonly #writing = new Set<Promise<void>>();
  #written = 0;

  constructor(around: EventSurroundings) {
    this.#around = around;
  }

  /** `object` needs `apiVersion`, `kind` and `metadata` with name and uid. */
  record(object: KubeObject, note: EventNote): void {
    const now = this.#around.clock.now();
    const { namespace, name, uid } = object.metadata;
    const key = [namespace, name, uid, note.type, note.reason, note.about].join('/');
    const series = this.#series.get(key);
    if (series === undefined) {
      const first = { object, note, first: now, last: now, count: 1, cancel: () => undefined };
      if (this.#enqueue(first)) this.#open(key, first);
    } else {
      if (series.count === 0) series.first = now;
      Object.assign(series, { object, note, last: now, count: series.count + 1 });
    }
  }

  /** Resolves when what waits is written or given up. */
  async flush(): Promise<void> {
    for (const series of this.#series.values()) {
      series.cancel();
      if (series.count > 0) this.#enqueue(series);
    }
    this.#series.clear();
    while (this.#writing.size > 0) await Promise.all(this.#writing);
  }

  #open(key: string, { object, note }: Series): void {
    const cancel = this.#around.clock.schedule(aggregation, () => {
      this.#series.delete(key);
      if (series.count > 0 && this.#enqueue(series)) this.#open(key, series);
    });
    const series: Series = { object, note, first: 0, last: 0, count: 0, cancel };
    this.#series.set(key, series);
  }

  #enqueue(series: Series): boolean {
    if (this.#line.length >= longestLine) {
      this.#around.dropped.inc();
      return false;
    }
    this.#line.push(series);
    this.#pump();
    return true;
  }

  #pump(): void {
    while (this.#writing.size < atOnce) {
      const next = this.#line.shift();
      if (next === undefined) return;
      const writing = this.#write(next).finally(() => {
        this.#writing.delete(writing);
        this.#pump();
      });
      this.#writing.add(writing);
    }
  }

  async #write({ object, note, first, last, count }: Series): Promise<void> {
    const { kube, clock, log, dropped, identity, component = 'dormouse-operator' } = this.#around;
    const { name, namespace = 'default', uid = '', resourceVersion = '' } = object.metadata;
    const { apiVersion = '', kind = '' } = object;
    const { type, reason, message } = note;
    this.#written += 1;
    const unique = `${clock.now().toString(16)}${this.#written.toString(16)}`;
    try {
      await kube.create(resources.events, {
        metadata: { name: `${name}.${unique}`, namespace },
        involvedObject: { apiVersion, kind, name, namespace, uid, resourceVersion },
        type,
        reason,
        message: cut(message),
        source: { component },
        reportingComponent: component,
        reportingInstance: identity,
        firstTimestamp: timestamp(first),
        lastTimestamp: timestamp(last),
        count,
      });
    } catch (error) {
      dropped.inc();
      log.debug({ err: error, reason }, 'event cannot be written');
    }
  }
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** At most {@link longestMessage} bytes, and no half character at the end. */
function cut(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= longestMessage) return message;
  return new TextDecoder().decode(bytes.subarray(0, longestMessage), { stream: true });
}
