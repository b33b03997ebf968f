import type { RuntimeState } from '@dormouse/agent-runtime/protocol';
import { type MessageRecord, runtimeEvent, runtimeState } from '@dormouse/agent-runtime/protocol';
import { type Clock, delay } from '../kube/index.ts';
import type { Logger } from '../telemetry/index.ts';
import {
  type AgentClient,
  boundedRecord,
  createAgentClient,
  readBytes,
  reasonOf,
  refusal,
} from './client.ts';
import { EventStreamParser, type ServerSentEvent } from './sse.ts';
import type { AgentChannel, AgentTarget, AgentTransport } from './transport.ts';
import { activityAfter, furtherRecord, isNews, noRuntime, type RuntimeView, withCheckpoint } from './view.ts';

/** Milliseconds. */
export interface ConnectionTimings {
  /** Between the first tries: a wake waits for them. */
  firstDelay: number;
  /** Between later ones. */
  lastDelay: number;
  /** For a try to be answered, at first and later. */
  firstTimeout: number;
  lastTimeout: number;
  /** Without a byte on the event stream (agentd sends heartbeats) before it counts as dead. */
  silence: number;
}

export const defaultTimings: ConnectionTimings = {
  firstDelay: 25,
  lastDelay: 5_000,
  // A dropped SYN is sent again after 1 s by TCP, after 0.4 s by us.
  firstTimeout: 400,
  lastTimeout: 5_000,
  silence: 15_000,
};

/** Bytes of a state, characters of an event: a reply and every session stand in them whole. */
const limit = 8 << 20;

export interface ConnectionOptions {
  target: AgentTarget;
  transport: AgentTransport;
  clock: Clock;
  log: Logger;
  timings?: ConnectionTimings;
  /** Called when the view changed in a way that a decision may depend on. */
  changed: () => void;
}

/** Keeps one event stream to one agentd open, from `open` to `close`, and remembers what it said. */
export class AgentConnection {
  readonly target: AgentTarget;
  readonly client: AgentClient;
  readonly #options: ConnectionOptions;
  readonly #timings: ConnectionTimings;
  readonly #requests: AgentChannel;
  readonly #closed = new AbortController();
  readonly #running: Promise<void>;
  #records = new Map<string, MessageRecord>();
  #view: RuntimeView;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#timings = options.timings ?? defaultTimings;
    this.target = options.target;
    this.#requests = options.transport(options.target);
    this.client = createAgentClient(this.#requests);
    this.#view = {
      ...noRuntime,
      podUID: options.target.podUID,
      since: options.clock.now(),
      records: this.#records,
    };
    this.#running = this.#run();
  }

  view(): RuntimeView {
    return this.#view;
  }

  /** What a request was answered is known before the event says the same, and never takes back what events said since. */
  noteRecord(uid: string, record: MessageRecord): void {
    this.#records.set(uid, furtherRecord(this.#records.get(uid), record));
  }

  /** Lets go of messages that need nothing more. */
  forgetRecords(keep: (uid: string) => boolean): void {
    for (const uid of this.#records.keys()) if (!keep(uid)) this.#records.delete(uid);
  }

  /** Changes what is known of the agent by what a request was answered. */
  note(change: (state: RuntimeState) => RuntimeState): void {
    const { state } = this.#view;
    if (state !== undefined) this.#view = { ...this.#view, state: change(state) };
  }

  /** Resolves when nothing is called any more. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#requests.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log, transport, target } = this.#options;
    const { signal } = this.#closed;
    let tries = 0;
    while (!signal.aborted) {
      const channel = transport(target);
      try {
        await this.#follow(channel, tries);
        tries = 0;
        this.#lost('the stream ended');
      } catch (error) {
        if (signal.aborted) break;
        const connected = this.#view.connected;
        tries = connected ? 0 : tries + 1;
        if (connected) log.info({ workspace: target.podName, reason: reasonOf(error) }, 'agent stream lost');
        this.#lost(reasonOf(error));
      } finally {
        await channel.close();
      }
      await delay(clock, this.#pause(tries), signal);
    }
  }

  /** Slow growth at first, for about two seconds in all: that is when a pod comes up. */
  #pause(tries: number): number {
    const { firstDelay, lastDelay } = this.#timings;
    return Math.min(lastDelay, tries < 40 ? firstDelay * (1 + tries / 20) : firstDelay * 2 ** (tries / 10));
  }

  #lost(problem: string): void {
    const { clock, changed } = this.#options;
    const was = this.#view.connected;
    const first = this.#view.problem === undefined;
    this.#records = new Map();
    this.#view = {
      ...this.#view,
      connected: false,
      since: was ? clock.now() : this.#view.since,
      problem,
      records: this.#records,
    };
    if ((was || first) && !this.#closed.signal.aborted) changed();
  }

  /** Reads the state, then the stream from that state's cursor on, until it breaks. Messages are asked for anew each time. */
  async #follow(channel: AgentChannel, tries: number): Promise<void> {
    const { firstTimeout, lastTimeout } = this.#timings;
    const patience = new AbortController();
    const cancel = this.#options.clock.schedule(tries < 20 ? firstTimeout : lastTimeout, () =>
      patience.abort(new Error('no answer in time')),
    );
    const signal = AbortSignal.any([this.#closed.signal, patience.signal]);
    let stream: Awaited<ReturnType<AgentChannel['send']>>;
    try {
      const answer = await channel.send({ method: 'GET', path: '/v1/state', signal });
      const text = (await readBytes(answer.body, limit)).toString();
      if (answer.status !== 200) throw refusal(answer.status, text);
      const state = runtimeState.safeParse(JSON.parse(text));
      if (!state.success)
        throw new Error(`the state is not what this operator understands: ${state.error.message}`);
      stream = await channel.send({
        method: 'GET',
        path: `/v1/events?after=${state.data.cursor}`,
        signal,
      });
      if (stream.status !== 200)
        throw refusal(stream.status, (await readBytes(stream.body, 64 << 10)).toString());
    } finally {
      cancel();
    }
    await this.#read(stream.body);
  }

  async #read(body: AsyncIterable<Buffer> & { destroy(error?: Error): unknown }): Promise<void> {
    const parser = new EventStreamParser(limit);
    const watchdog = new Watchdog(this.#options.clock, this.#timings.silence, () =>
      body.destroy(new Error(`silent for ${this.#timings.silence} ms`)),
    );
    try {
      for await (const chunk of body) {
        watchdog.reset();
        let news = false;
        for (const event of parser.push(chunk)) news = this.#take(event) || news;
        if (news && !this.#closed.signal.aborted) this.#options.changed();
      }
    } finally {
      watchdog.stop();
    }
  }

  /** Takes one event in; says whether a decision may depend on it. */
  #take({ type, data }: ServerSentEvent): boolean {
    // Text as it is streamed, transcript lines: for people. A type that is not known comes from a newer agentd.
    if (type !== 'state' && type !== 'message' && type !== 'checkpoint') return false;
    const parsed = runtimeEvent.safeParse({ type, data: JSON.parse(data) });
    if (!parsed.success)
      throw new Error(`a ${type} event is not what this operator understands: ${parsed.error.message}`);
    const event = parsed.data;
    const { clock } = this.#options;
    switch (event.type) {
      case 'state': {
        const news = !this.#view.connected || isNews(this.#view.state, event.data);
        this.#view = {
          ...this.#view,
          connected: true,
          since: this.#view.connected ? this.#view.since : clock.now(),
          problem: undefined,
          activityAt: activityAfter(this.#view, event.data, clock.now()),
          state: event.data,
        };
        return news;
      }
      case 'message':
        this.#records.set(event.data.key, boundedRecord(event.data));
        return true;
      case 'checkpoint':
        this.note((state) => withCheckpoint(state, event.data));
        return true;
      default:
        return false;
    }
  }
}

/** Calls `bite` when it was not reset for so long. */
class Watchdog {
  readonly #arm: () => () => void;
  #disarm: () => void;

  constructor(clock: Clock, milliseconds: number, bite: () => void) {
    this.#arm = () => clock.schedule(milliseconds, bite);
    this.#disarm = this.#arm();
  }

  reset(): void {
    this.#disarm();
    this.#disarm = this.#arm();
  }

  stop(): void {
    this.#disarm();
  }
}
