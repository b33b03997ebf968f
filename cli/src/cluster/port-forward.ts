import { Duplex } from 'node:stream';
import type { Credentials } from '@dormouse/operator/kube';
import type { WebSocket } from 'ws';
import { openChannels, podStreamPath } from './channels.ts';

/** The two channels of the one port that is asked for. */
const channel = { data: 0, error: 1 } as const;
/** Each channel begins with a message that names the port, in two bytes. */
const portBytes = 2;

/**
 * A connection to a port of a pod, through the API server.
 * @throws KubeError where it may not be made, or the pod does not exist; the signal's reason
 */
export async function forwardPort(
  credentials: Credentials,
  pod: { namespace: string; name: string },
  port: number,
  signal: AbortSignal,
): Promise<ForwardedConnection> {
  const socket = await openChannels(
    credentials,
    {
      what: `portforward pods/${pod.name}`,
      path: podStreamPath(pod, 'portforward', { ports: String(port) }),
      protocol: 'v4.channel.k8s.io',
    },
    signal,
  );
  return new ForwardedConnection(socket);
}

/** The bytes of one forwarded connection. Half of it cannot be closed: the protocol has no word for that. */
export class ForwardedConnection extends Duplex {
  readonly #socket: WebSocket;
  readonly #named = new Set<number>();

  constructor(socket: WebSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (message: Buffer) => this.#take(message));
    socket.once('close', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
  }

  #take(message: Buffer): void {
    const from = message[0] ?? channel.data;
    let content = message.subarray(1);
    if (!this.#named.has(from)) {
      this.#named.add(from);
      content = content.subarray(portBytes);
    }
    if (content.length === 0) return;
    if (from === channel.error) this.destroy(new Error(content.toString().trim()));
    else if (!this.push(content)) this.#socket.pause();
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.send(Buffer.concat([Buffer.of(channel.data), chunk]), done);
  }

  override _final(done: () => void): void {
    this.#socket.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }

  // What Node's HTTP client does to its sockets; here there is nothing to set.
  setKeepAlive(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}
