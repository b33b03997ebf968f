import { connect, type Socket } from 'node:net';
import type { Destination } from './destination.ts';
import { EgressRefusal } from './refusal.ts';

export interface DialerOptions {
  /** Whether a connection may go to an address. */
  permits: (address: string) => boolean;
  /** The addresses of a name, in the order in which they are to be tried; none where it has none. */
  resolve: (host: string) => Promise<string[]>;
  /** Milliseconds for all attempts together. */
  patience: number;
  /** Opens a connection to an address. For tests; default: of net. */
  open?: (to: { host: string; port: number }) => Socket;
}

/** Addresses of one name that are tried. */
const mostAttempts = 4;

/**
 * Connects to a destination by an address that was checked. The name is looked up once: what the check saw is what is connected to,
 * whatever the name stands for a moment later.
 */
export class Dialer {
  readonly #options: DialerOptions;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  /** @throws EgressRefusal, or the signal's reason. */
  async dial(to: Destination, signal: AbortSignal): Promise<Socket> {
    const patience = AbortSignal.timeout(this.#options.patience);
    const either = AbortSignal.any([signal, patience]);
    let last = 'no address answered';
    try {
      const attempts = (await this.#permitted(to, either)).slice(0, mostAttempts);
      for (const address of attempts) {
        // One that keeps silent leaves the others their time.
        const limit = this.#options.patience / attempts.length;
        const socket = await this.#connect({ host: address, port: to.port }, limit, either);
        if (socket.readyState === 'open') return socket;
        last = socket.errored?.message ?? last;
      }
    } catch (error) {
      if (!signal.aborted && patience.aborted)
        throw new EgressRefusal(
          'timeout',
          `${to.host} took no connection within ${this.#options.patience} ms.`,
        );
      throw error;
    }
    throw new EgressRefusal('unreachable', `There is no connection to ${to.host} port ${to.port}: ${last}.`);
  }

  async #permitted(to: Destination, signal: AbortSignal): Promise<string[]> {
    const { permits, resolve } = this.#options;
    const known = to.literal ? [to.host] : await unlessAborted(this.#lookUp(to.host, resolve), signal);
    const permitted = known.filter((address) => permits(address));
    if (permitted.length === 0)
      throw new EgressRefusal(
        'prohibited_address',
        `${to.host} ${to.literal ? 'is' : `stands for ${known[0]},`} an address that workspaces do not reach whatever their class allows: it is private, of the cluster or of a machine in it. For a server of your own the platform team adds its range to gateway.egress.allowPrivateCidrs.`,
      );
    return permitted;
  }

  async #lookUp(host: string, resolve: DialerOptions['resolve']): Promise<string[]> {
    const found = await resolve(host);
    if (found.length === 0)
      throw new EgressRefusal('unresolved', `DNS knows no address of ${host}. Names are taken whole.`);
    return found;
  }

  /** Resolves with the socket, open or failed; rejects where the signal aborts. */
  #connect(to: { host: string; port: number }, limit: number, signal: AbortSignal): Promise<Socket> {
    const open = this.#options.open ?? ((at) => connect({ ...at, allowHalfOpen: true }));
    const socket = open(to);
    const timer = setTimeout(() => socket.destroy(new Error('it does not answer')), limit);
    const connected = new Promise<Socket>((resolve) => {
      socket.once('error', () => resolve(socket));
      socket.once('connect', () => resolve(socket));
    });
    return unlessAborted(connected, signal)
      .catch((error: unknown) => {
        socket.destroy();
        throw error;
      })
      .finally(() => clearTimeout(timer));
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
