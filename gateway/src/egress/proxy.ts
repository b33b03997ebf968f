import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AgentWorkspace } from '@dormouse/crds';
import { type Clock, keyOf } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import { answerRefusal, refuseUpgrade } from '../http/answer.ts';
import { abortWhenLeft, ClientLeft } from '../http/client-left.ts';
import { Listener } from '../http/listener.ts';
import { type Refusal, refusalOf } from '../http/refusal.ts';
import { ConnectionLimits, Watchdog } from '../limits/index.ts';
import { type Destination, requestDestination, tunnelDestination } from './destination.ts';
import type { Dialer } from './dialer.ts';
import { forward } from './forward.ts';
import type { Gate } from './gate.ts';
import { join } from './join.ts';
import type { EgressRecord } from './record.ts';
import { EgressRefusal } from './refusal.ts';

export interface EgressProxyOptions {
  gate: Pick<Gate, 'identify' | 'admit'>;
  dialer: Pick<Dialer, 'dial'>;
  clock: Clock;
  log: Logger;
  audit: (record: EgressRecord) => void;
  /** Told of each decision, by its outcome. */
  decided: (outcome: EgressRecord['outcome']) => void;
  count: (direction: 'out' | 'in', bytes: number) => void;
  /** Milliseconds for the head of a request, and without a byte in either direction. */
  timeouts: { headers: number; idle: number };
  /** Sockets of workspaces at a time, whatever is sent on them. */
  sockets: number;
}

const restarting = 'The gateway is being restarted. Try again.';

/** A connection under way, from the first look at its request. */
interface Trip {
  readonly controller: AbortController;
  readonly method: string;
  readonly since: number;
  readonly bytes: { out: number; in: number };
  /** Called at each byte. */
  used: () => void;
  workspace?: AgentWorkspace;
  to?: Destination;
  address?: string | undefined;
}

/** The HTTP proxy that workspaces go out by: CONNECT for whatever it is, and plain requests for http://. */
export class EgressProxy {
  readonly #options: EgressProxyOptions;
  readonly #listener: Listener<Trip>;
  readonly #sockets: ConnectionLimits<'address'>;

  constructor(options: EgressProxyOptions) {
    this.#options = options;
    this.#sockets = new ConnectionLimits({ address: Math.ceil(options.sockets / 4) });
    this.#listener = new Listener({
      clock: options.clock,
      // How long a body may take is the watchdog's to say.
      timeouts: { headers: options.timeouts.headers, request: 0 },
      request: (request, response) => void this.#request(request, response),
    });
    const { server } = this.#listener;
    server.maxConnections = options.sockets;
    server.on('connection', (socket) => this.#take(socket));
    server.on('connect', (request, socket, head) => void this.#connect(request, socket, head));
  }

  /** Tunnels and requests under way. */
  get open(): number {
    return this.#listener.underway.size;
  }

  /** The port that it listens on; 0 takes any. Rejects where it cannot. */
  listen(port: number): Promise<number> {
    return this.#listener.listen(port);
  }

  /** Takes no new connections, and gives those under way `grace` milliseconds. Resolves when nothing is left. */
  drain(grace: number): Promise<void> {
    return this.#listener.drain(grace, { reason: () => new EgressRefusal('unavailable', restarting) });
  }

  /** Before it has said who it is, no pod takes so many sockets that none are left for others. */
  #take(socket: Socket): void {
    try {
      socket.once('close', this.#sockets.enter({ address: socket.remoteAddress ?? '' }));
    } catch {
      socket.destroy();
    }
  }

  async #connect(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Until the two sockets are joined nobody else listens, and an error without a listener ends the process.
    socket.on('error', () => undefined);
    const trip = this.#begin(request);
    socket.once('close', () => trip.controller.abort(new ClientLeft()));
    const refusal = await this.#travel(trip, request, tunnelDestination, async (upstream) => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      await join(socket, upstream, trip.controller.signal, this.#counting(trip));
    });
    if (refusal !== undefined && !socket.destroyed) refuseUpgrade(socket, refusal);
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const trip = this.#begin(request);
    abortWhenLeft(response, trip.controller);
    const refusal = await this.#travel(trip, request, requestDestination, (upstream, to) => {
      const { signal } = trip.controller;
      return forward({ request, response, to, upstream, signal, count: this.#counting(trip) });
    });
    if (refusal !== undefined) answerRefusal(response, refusal);
  }

  #begin({ method = '' }: IncomingMessage): Trip {
    return {
      controller: new AbortController(),
      method,
      since: this.#options.clock.monotonic(),
      bytes: { out: 0, in: 0 },
      used: () => undefined,
    };
  }

  #counting(trip: Trip): EgressProxyOptions['count'] {
    return (direction, bytes) => {
      trip.bytes[direction] += bytes;
      trip.used();
      this.#options.count(direction, bytes);
    };
  }

  /** From the first look at a request until it is accounted for. Resolves with what the client is to be told, if anything. */
  async #travel<To extends Destination>(
    trip: Trip,
    request: IncomingMessage,
    destinationOf: (target: string | undefined) => To,
    carry: (upstream: Socket, to: To) => Promise<void>,
  ): Promise<Refusal | undefined> {
    const { gate, dialer, decided } = this.#options;
    const { signal } = trip.controller;
    const end = this.#listener.enter(trip);
    let leave: () => void = () => undefined;
    let rest: () => void = () => undefined;
    let outcome: EgressRecord['outcome'] = 'ended';
    let open = false;
    try {
      if (this.#listener.draining) throw new EgressRefusal('unavailable', restarting);
      trip.workspace = gate.identify(request.headers['proxy-authorization']);
      const to = destinationOf(request.url);
      trip.to = to;
      leave = gate.admit(trip.workspace, to);
      const upstream = await dialer.dial(to, signal);
      trip.address = upstream.remoteAddress;
      open = true;
      decided('allowed');
      this.#account(trip, 'allowed');
      rest = this.#watch(trip);
      await carry(upstream, to);
      return undefined;
    } catch (error) {
      if (error instanceof ClientLeft) outcome = 'left';
      else if (error instanceof EgressRefusal) outcome = error.outcome;
      else {
        outcome = 'internal';
        this.#options.log.error({ err: error }, 'egress failed');
      }
      if (!open) decided(outcome);
      return error instanceof ClientLeft ? undefined : refusalOf(error);
    } finally {
      rest();
      leave();
      this.#account(trip, outcome);
      end();
    }
  }

  /** Ends what is not used any more, until the returned function is called. */
  #watch(trip: Trip): () => void {
    const { clock, timeouts } = this.#options;
    const dog = new Watchdog(clock, timeouts.idle, () =>
      trip.controller.abort(
        new EgressRefusal('timeout', `Nothing was sent in either direction for ${timeouts.idle} ms.`),
      ),
    );
    trip.used = () => dog.reset();
    return () => dog.stop();
  }

  #account(trip: Trip, outcome: EgressRecord['outcome']): void {
    // Nobody in particular asked for nothing in particular: the metrics count those.
    if (trip.workspace === undefined || trip.to === undefined) return;
    this.#options.audit({
      action: 'egress',
      workspace: keyOf(trip.workspace.metadata),
      method: trip.method,
      host: trip.to.host,
      port: trip.to.port,
      ...(trip.address === undefined ? {} : { address: trip.address }),
      outcome,
      sent: trip.bytes.out,
      received: trip.bytes.in,
      milliseconds: Math.round(this.#options.clock.monotonic() - trip.since),
    });
  }
}
