import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, delay } from '@dormouse/operator/kube';
import { type Span, within } from '../telemetry/tracing.ts';
import { type Address, addressOf, checkKeyTaken, checkNotOpened, relocate } from './address.ts';
import { AgentKeys } from './agent-keys.ts';
import type { Attachments } from './attachments.ts';
import { streamEvents } from './event-stream.ts';
import { type Exchange, type ForwardLimits, forward, UnreachedError } from './forward.ts';
import { keepAsking } from './lasting-right.ts';
import { isBare, Relay } from './relay.ts';
import type { Target } from './target.ts';
import { tunnel, type Upgrade } from './tunnel.ts';
import { unavailable, type WaitingRoom } from './waiting-room.ts';
import { WakeEvents } from './wake-events.ts';
import { answerWakingPage, isNavigation } from './waking-page.ts';
import type { Workspaces } from './workspaces.ts';

export interface AttachOptions {
  workspaces: Pick<Workspaces, 'get' | 'pod' | 'standing'>;
  room: WaitingRoom;
  attachments: Pick<Attachments, 'use' | 'touch'>;
  masterKey: Uint8Array;
  clock: Clock;
  limits: ForwardLimits & {
    /** Milliseconds that a request is held for its workspace. */
    hold: number;
    /** Milliseconds after which it is asked again whether a stream or WebSocket may stay open. */
    recheck: number;
  };
  /** Told of each request that was held. `seconds`; see the metric. */
  held: (outcome: 'running' | 'refused' | 'gone', seconds: number) => void;
  count: (direction: 'in' | 'out', bytes: number) => void;
  /** For tests: where the port of a workspace really is. */
  locate?: (address: Address) => Address;
}

/** One request that was let in. */
export interface Attaching {
  target: Target;
  request: IncomingMessage;
  /** Aborts when the client is gone, or the gateway gives the request up. */
  signal: AbortSignal;
  /** Aborts it with this reason. */
  giveUp: (reason: unknown) => void;
  /** Called when it turns out to be a stream. */
  streams: () => void;
  span: Span;
}

/** Milliseconds between two tries at a workspace that runs and was not reached: at first, and at most. */
const pauses = { first: 25, longest: 500 };

/** Reaches workspaces: wakes them, holds what is for them until they run, and passes it on. */
export class Attach {
  readonly #options: AttachOptions;
  readonly #relay: Relay;
  readonly #keys: AgentKeys;

  constructor(options: AttachOptions) {
    this.#options = options;
    this.#relay = new Relay(options.limits.connect);
    this.#keys = new AgentKeys(options.masterKey);
  }

  /**
   * Serves a request. Resolves when the answer is complete.
   * @throws Refusal, or the signal's reason.
   */
  async serve(
    attaching: Attaching & { response: ServerResponse },
    check: () => Promise<void>,
  ): Promise<void> {
    const { target, request, response, signal, span } = attaching;
    const { attachments, workspaces, clock, limits, count, room } = this.#options;
    if (
      target.to.kind === 'service' &&
      isNavigation(request) &&
      workspaces.standing(target.workspace).state === 'waiting'
    ) {
      attachments.touch(target.workspace);
      answerWakingPage(response, target.workspace);
      return;
    }
    await this.#whileAllowed(attaching, check, (opened) =>
      this.#reach(attaching, (address, done, answered) => {
        const exchange: Exchange = {
          request,
          response,
          path: target.path,
          signal,
          clock,
          count,
          // Only the agent's API has a bound: what a service takes is its own business.
          limits: target.to.kind === 'agent' ? limits : { ...limits, body: Number.POSITIVE_INFINITY },
          checkStatus: (status) => {
            answered(status);
            checkKeyTaken(target, status);
          },
          rewriteLocation: (location) => relocate(target, address, location),
          streams: () => {
            done();
            opened();
          },
        };
        if (!target.watches)
          return isBare(request) ? this.#relay.pass(exchange, address) : forward(exchange, address);
        const whenever = async () =>
          this.#address(target, await room.whenever(target.workspace, signal), request, span);
        return streamEvents(address, { exchange, check, whenever });
      }),
    );
  }

  /**
   * Joins a WebSocket. Resolves when it is closed, with 101, or with the status of what was answered in its place.
   * @throws as `serve`; what `check` rejects with when a right was lost meanwhile
   */
  async join(
    attaching: Attaching,
    socket: Upgrade['socket'],
    head: Buffer,
    check: () => Promise<void>,
  ): Promise<number> {
    const { target, request, signal } = attaching;
    const { attachments, limits, count } = this.#options;
    return this.#whileAllowed(attaching, check, (opened) =>
      this.#reach(attaching, (address, done, answered) =>
        tunnel(
          {
            ...{ request, socket, head, limits, count },
            path: target.path,
            signal,
            checkStatus: (status) => {
              answered(status);
              checkNotOpened(target, status);
            },
            typing: target.webSocket?.typed ?? 'all',
            opened: () => {
              answered(101);
              done();
              opened();
            },
            typed: () => attachments.touch(target.workspace),
          },
          address,
        ),
      ),
    );
  }

  /** Carries out what may stay open for days: once it says that it is, it is asked now and then whether it still may. */
  async #whileAllowed<T>(
    attaching: Attaching,
    check: () => Promise<void>,
    carryOut: (opened: () => void) => Promise<T>,
  ): Promise<T> {
    const { clock, limits } = this.#options;
    const lost: unknown[] = [];
    let leave: () => void = () => undefined;
    const opened = () => {
      attaching.streams();
      const lose = (reason: unknown) => {
        lost.push(reason);
        attaching.giveUp(reason);
      };
      leave = keepAsking({ clock, every: limits.recheck, check, lost: lose });
    };
    try {
      const result = await carryOut(opened);
      if (lost.length > 0) throw lost[0];
      return result;
    } finally {
      leave();
    }
  }

  /**
   * Wakes and waits, then sends; again where that did not reach the workspace. `done` ends the use of the workspace; `answered` is
   * to be called with the status when the head of an answer has come.
   */
  async #reach<T>(
    attaching: Attaching,
    send: (address: Address, done: () => void, answered: (status?: number) => void) => Promise<T>,
  ): Promise<T> {
    const { target, request, signal, span } = attaching;
    const { attachments, clock, limits, workspaces } = this.#options;
    const { workspace } = target;
    // Who only looks on at a workspace that runs does not keep it awake.
    const looksOn = target.watches && workspaces.standing(workspace).state === 'running';
    const done = looksOn ? () => undefined : attachments.use(workspace);
    const deadline = clock.monotonic() + limits.hold;
    try {
      for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
        const running = await this.#held(attaching, deadline);
        try {
          return await within(span, 'first byte', (firstByte) =>
            send(this.#address(target, running, request, firstByte), done, (status = 0) => {
              firstByte.set({ 'http.response.status_code': status });
              firstByte.end();
            }),
          );
        } catch (error) {
          if (!(error instanceof UnreachedError)) throw error;
          if (clock.monotonic() + pause >= deadline)
            throw unavailable(workspace, unreached(target, error), 5);
        }
        await delay(clock, pause, signal);
        signal.throwIfAborted();
      }
    } finally {
      done();
    }
  }

  /** `span` is what the workspace's own part of the trace belongs to. */
  #address(
    target: Target,
    running: Parameters<typeof addressOf>[1],
    request: IncomingMessage,
    span: Span,
  ): Address {
    const { workspaces, locate } = this.#options;
    const client = { host: request.headers.host };
    const address = addressOf(target, running, workspaces.get(target.workspace), this.#keys, client);
    address.headers.push(...span.headers());
    return locate === undefined ? address : locate(address);
  }

  async #held({ target, signal, span }: Attaching, deadline: number) {
    const { room, workspaces, clock, held } = this.#options;
    const { workspace } = target;
    if (workspaces.standing(workspace).state === 'running')
      return room.untilRunning(workspace, deadline, signal);
    const since = clock.monotonic();
    const seconds = () => (clock.monotonic() - since) / 1000;
    try {
      const running = await within(span, 'wake and hold', (waiting) => {
        const events = new WakeEvents(waiting, () => clock.now());
        const look = () => events.look(workspaces.get(workspace), workspaces.pod(workspace));
        return room.untilRunning(workspace, deadline, signal, waiting.recording ? look : undefined);
      });
      held('running', seconds());
      return running;
    } catch (error) {
      held(signal.aborted ? 'gone' : 'refused', seconds());
      throw error;
    }
  }
}

function unreached({ to }: Target, { message }: UnreachedError): string {
  return to.kind === 'agent'
    ? `It runs, and its agent was not reached: ${message}.`
    : `It runs, and its service ${to.service} was not reached: ${message}. A service must listen on all addresses, not on localhost alone.`;
}
