import type { Registry } from 'prom-client';

type Meters = {
  registry: Registry;
  requests: { observe(labels: Record<string, string | number>, seconds: number): void };
};

/** What is counted between two scrapes, before the library that prints it has been loaded. */
export interface GaugeSource {
  name: string;
  help: string;
  read: () => number;
}

/**
 * Prometheus metrics. The library is loaded with the first scrape or after a while, not at start: it takes 30 ms that a wake
 * would wait for. Requests before that are remembered.
 */
export class Metrics {
  #meters: Promise<Meters> | undefined;
  readonly #gauges: readonly GaugeSource[];
  #early: (() => void)[] = [];
  #loaded: Meters | undefined;

  constructor(gauges: readonly GaugeSource[]) {
    this.#gauges = gauges;
  }

  request(method: string, route: string, status: number, seconds: number): void {
    const record = () => this.#loaded?.requests.observe({ method, route, status }, seconds);
    if (this.#loaded !== undefined) record();
    else if (this.#early.length < 10_000) this.#early.push(record);
  }

  async text(): Promise<{ contentType: string; body: string }> {
    this.#meters ??= this.#load();
    const { registry } = await this.#meters;
    return { contentType: registry.contentType, body: await registry.metrics() };
  }

  async #load(): Promise<Meters> {
    const { collectDefaultMetrics, Gauge, Histogram, Registry } = await import('prom-client');
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    for (const { name, help, read } of this.#gauges) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    }
    const requests = new Histogram({
      name: 'dormouse_agent_http_request_seconds',
      help: 'Time to answer a request, by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
      registers: [registry],
    });
    this.#loaded = { registry, requests };
    for (const record of this.#early.splice(0)) record();
    return this.#loaded;
  }
}
