import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { Objects, type StoredObject } from './objects.ts';
import { type ApiRequest, mergePatch, readRequest, selected } from './request.ts';

/** Misbehaviour: answers a request in place of the server. */
export interface Fault {
  /** Which requests it takes. Default: each. */
  matches?: (request: ApiRequest) => boolean;
  /** How many of them. Default: one. */
  times?: number;
  respond: (response: ServerResponse, request: ApiRequest) => void;
}

interface OpenWatch {
  response: ServerResponse;
  end: () => void;
}

/**
 * A stand-in for the API server on a loopback port: enough of its semantics for tests of a client and its caches, and
 * every way of misbehaving on demand. What is true of the real one is tested against the real one.
 */
export class ApiServer {
  readonly objects = new Objects();
  /** Every request that came, in order. */
  readonly requests: ApiRequest[] = [];
  /** Sockets that were opened. */
  connections = 0;
  /** Whether it knows WatchList. */
  watchList = true;
  readonly #faults: (Fault & { times: number })[] = [];
  readonly #watches = new Set<OpenWatch>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((message, response) => {
      void readRequest(message).then(
        (request) => this.#serve(request, response),
        (error: Error) => status(response, 400, 'BadRequest', error.message),
      );
    });
    this.#server.on('connection', () => {
      this.connections++;
    });
  }

  /** The URL it serves. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Takes requests for WebSockets, of which it serves none itself. */
  onUpgrade(listener: (request: IncomingMessage, socket: Duplex, head: Buffer) => void): void {
    this.#server.on('upgrade', listener);
  }

  misbehave(fault: Fault): void {
    this.#faults.push({ ...fault, times: fault.times ?? 1 });
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Ends open watches as the server does when their time is over. */
  endWatches(): void {
    for (const watch of [...this.#watches]) {
      watch.end();
      watch.response.end();
    }
  }

  /** Breaks the sockets of open watches. */
  cutWatches(): void {
    for (const watch of [...this.#watches]) {
      watch.end();
      watch.response.destroy();
    }
  }

  /** Writes bytes into open watches, as they are. */
  inject(bytes: string): void {
    for (const watch of this.#watches) watch.response.write(bytes);
  }

  /** Tells open watches where the world is. */
  bookmark(): void {
    for (const watch of this.#watches) watch.response.write(bookmarkLine(this.objects.version));
  }

  #serve(request: ApiRequest, response: ServerResponse): void {
    this.requests.push(request);
    const fault = this.#faults.find((one) => one.times > 0 && (one.matches?.(request) ?? true));
    if (fault !== undefined) {
      fault.times--;
      fault.respond(response, request);
    } else if (request.watch) this.#watch(request, response);
    else if (request.key === undefined && request.method === 'GET') this.#list(request, response);
    else this.#object(request, response);
  }

  #list(request: ApiRequest, response: ServerResponse): void {
    const all = this.objects.list(request.collection).filter((object) => inScope(request, object));
    const limit = Number(request.query.get('limit') ?? all.length) || all.length;
    const token = request.query.get('continue');
    const [version = this.objects.version, offset = 0] = token === null ? [] : token.split('-').map(Number);
    if (version < this.objects.compacted) {
      status(response, 410, 'Expired', 'The provided continue parameter is too old');
      return;
    }
    const more = offset + limit < all.length ? `${version}-${offset + limit}` : undefined;
    json(response, 200, {
      kind: 'List',
      metadata: { resourceVersion: String(version), ...(more !== undefined && { continue: more }) },
      items: all.slice(offset, offset + limit),
    });
  }

  #watch(request: ApiRequest, response: ServerResponse): void {
    const initial = request.query.get('sendInitialEvents') === 'true';
    if (initial && !this.watchList) {
      status(
        response,
        422,
        'Invalid',
        'sendInitialEvents is forbidden for watch unless the WatchList feature is on',
      );
      return;
    }
    const from = Number(request.query.get('resourceVersion') ?? '0');
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (!initial && from < this.objects.compacted) {
      // A real server, too, says 200 first and then that it is gone.
      const object = {
        kind: 'Status',
        code: 410,
        reason: 'Expired',
        message: `too old resource version: ${from}`,
      };
      response.end(line('ERROR', object));
      return;
    }
    const send = (type: string, object: StoredObject) => {
      if (inScope(request, object)) response.write(line(type, object));
    };
    if (initial) {
      for (const object of this.objects.list(request.collection)) send('ADDED', object);
      response.write(bookmarkLine(this.objects.version, true));
    } else {
      for (const entry of this.objects.since(from, request.collection)) send(entry.type, entry.object);
    }
    const unsubscribe = this.objects.subscribe((entry) => {
      if (entry.collection === request.collection) send(entry.type, entry.object);
    });
    const watch: OpenWatch = {
      response,
      end: () => {
        unsubscribe();
        this.#watches.delete(watch);
      },
    };
    this.#watches.add(watch);
    response.on('close', watch.end);
  }

  #object(request: ApiRequest, response: ServerResponse): void {
    const { collection, body } = request;
    const stated = body as unknown as StoredObject;
    const creating = request.method === 'POST';
    const name = creating ? stated.metadata?.name : request.name;
    const key = request.namespace === undefined ? `${name}` : `${request.namespace}/${name}`;
    const existing = this.objects.get(collection, key);
    const applying = request.headers['content-type']?.includes('apply-patch') ?? false;
    if (creating && existing !== undefined) {
      status(response, 409, 'AlreadyExists', `"${name}" already exists`);
    } else if (
      !creating &&
      existing === undefined &&
      // An apply makes what is not there, but for a subresource.
      (!applying || request.subresource !== undefined)
    ) {
      status(response, 404, 'NotFound', `"${name}" not found`);
    } else if (request.method === 'GET') {
      json(response, 200, existing);
    } else if (conflicts(existing, request)) {
      status(response, 409, 'Conflict', `"${name}" has been modified`);
    } else if (request.method === 'DELETE') {
      this.objects.delete(collection, key);
      json(response, 200, { kind: 'Status', status: 'Success' });
    } else {
      const next = request.method === 'PATCH' ? mergePatch(existing, stated) : stated;
      json(response, creating ? 201 : 200, this.objects.put(collection, key, next as StoredObject));
    }
  }
}

/** A fault that answers with a status and, as the real server, a `Status` object. */
export function answer(code: number, reason = '', headers: Record<string, string> = {}): Fault['respond'] {
  return (response) => status(response, code, reason, `injected ${code}`, headers);
}

/** A fault that breaks the socket without an answer. */
export const cut: Fault['respond'] = (response) => {
  response.destroy();
};

/** A fault that never answers. */
export const hang: Fault['respond'] = () => undefined;

function conflicts(existing: StoredObject | undefined, { method, body }: ApiRequest): boolean {
  const at = (method === 'DELETE' ? body.preconditions : body.metadata) as
    | Partial<StoredObject['metadata']>
    | undefined;
  const { uid, resourceVersion } = existing?.metadata ?? {};
  return (
    existing !== undefined &&
    ((at?.uid !== undefined && at.uid !== uid) ||
      (at?.resourceVersion !== undefined && at.resourceVersion !== resourceVersion))
  );
}

function inScope(request: ApiRequest, object: StoredObject): boolean {
  return (
    (request.namespace === undefined || request.namespace === object.metadata.namespace) &&
    selected(object.metadata.labels, request.query.get('labelSelector'))
  );
}

function bookmarkLine(version: number, initialEnd = false): string {
  const annotations = initialEnd ? { 'k8s.io/initial-events-end': 'true' } : undefined;
  return line('BOOKMARK', { metadata: { resourceVersion: String(version), annotations } });
}

function line(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

function json(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function status(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers?: Record<string, string>,
): void {
  json(response, code, { kind: 'Status', status: 'Failure', code, reason, message }, headers);
}
