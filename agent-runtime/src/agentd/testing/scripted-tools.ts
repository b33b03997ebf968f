import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type BackgroundTask,
  type CollectResult,
  collectRequests,
  type ExecRequest,
  type ProcessImage,
  type ServiceStatus,
} from '../../protocol/tools-api.ts';

const nothingFound: CollectResult = { files: [], problems: [], truncated: false };

/** Of every image that these tools make. */
const file = { name: 'pages-1.img', bytes: 4096, sha256: 'a'.repeat(64) };

/**
 * Answers the API of `workspaced` for tests of `agentd`: commands are real, background tasks and services are entries in a
 * list that a test changes. It outlives the agents that talk to it.
 */
export class ScriptedTools {
  /** Every command line that was started, in order. */
  readonly commands: string[] = [];
  readonly tasks = new Map<string, BackgroundTask>();
  readonly restored: string[] = [];
  services: ServiceStatus[] = [];
  stopping = false;
  /** Every process that runs is dumped at a checkpoint that asks for it; unset: this pod can make no images. */
  images: 'whole' | 'without key' | undefined;
  /** Why a dump fails. */
  dumpFailure: string | undefined;
  /** Why an image of this name is not restored. */
  readonly lost = new Map<string, string>();
  /** Holds the answer to a restore of images. */
  restoring: Promise<void> = Promise.resolve();
  /** What Glob and Grep find. */
  found: string[] = [];
  readonly #home: string;
  readonly #listeners = new Set<ServerResponse>();
  readonly #bootId = randomUUID();
  readonly #server = createServer((request, response) => {
    this.#serve(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
  });

  constructor(home: string) {
    this.#home = home;
  }

  async listen(socketPath: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(socketPath, resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A background task ended by itself. */
  endTask(id: string, exitCode: number): void {
    const task = { ...(this.tasks.get(id) as BackgroundTask), status: 'exited' as const, exitCode };
    this.tasks.set(id, task);
    for (const listener of this.#listeners)
      listener.write(`${JSON.stringify({ type: 'background', task })}\n`);
  }

  /** What a new pod finds: nothing runs. */
  loseProcesses(): void {
    for (const [id, task] of this.tasks) {
      if (task.status === 'running') this.tasks.set(id, { ...task, status: 'killed' });
    }
    this.services = [];
    this.stopping = false;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text === '' ? {} : JSON.parse(text);
    const path = request.url ?? '';
    if (path === '/exec') return this.#exec(body, response);
    if (path === '/events') {
      response.writeHead(200);
      response.flushHeaders();
      this.#listeners.add(response);
      response.on('close', () => this.#listeners.delete(response));
      return;
    }
    const [status, answer] = await this.#answer(`${request.method} ${path.replace(/\?.*/, '')}`, body);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  // biome-ignore lint/suspicious/noExplicitAny: a stand-in for tests; the agent's own schemas check what goes over the wire
  async #answer(call: string, body: any): Promise<[number, unknown]> {
    const id = call.split('/')[2] ?? '';
    if (call === 'GET /healthz') return [200, { bootId: this.#bootId, stopping: this.stopping }];
    if (call === 'GET /background') return [200, [...this.tasks.values()]];
    if (call === 'POST /background') return [200, this.#run(body.id)];
    if (call.startsWith('GET /background/')) return [200, { text: 'printed\n', nextOffset: 8, end: true }];
    if (call.startsWith('DELETE /background/')) {
      const task = { ...(this.tasks.get(id) as BackgroundTask), status: 'killed' as const };
      this.tasks.set(id, task);
      return [200, task];
    }
    if (call === 'GET /environment') return [200, {}];
    if (call === 'GET /services') return [200, this.services];
    if (call === 'PUT /services') return [200, this.#declare(body.services)];
    if (call === 'POST /checkpoint') {
      if (body.images !== undefined && this.dumpFailure !== undefined)
        return [409, { error: { code: 'dump_failed', message: this.dumpFailure } }];
      const running = [...this.tasks.values()].filter((task) => task.status === 'running');
      const services = this.services.map((service) => service.name);
      this.loseProcesses();
      this.stopping = true;
      const image = { files: [file], ...(this.images === 'without key' && { withoutKey: true }) };
      const made = [
        ...services.map((name) => ({ kind: 'service', id: name, pid: 321, ...image })),
        ...running.map((task) => ({ kind: 'background', id: task.id, pid: 322, ...image })),
      ];
      return [
        200,
        {
          services,
          background: running.map((task) => this.tasks.get(task.id)),
          ...(body.images !== undefined &&
            (this.images === undefined ? { unsupported: 'there is no criu' } : { images: made })),
        },
      ];
    }
    if (call === 'POST /restore') {
      const images = body.images === undefined ? undefined : await this.#restoreImages(body.images.images);
      this.stopping = false;
      // biome-ignore lint/suspicious/noExplicitAny: as above
      const background = body.background.map((task: any) => {
        this.restored.push(task.id);
        this.tasks.delete(task.id);
        return this.#run(task.id);
      });
      return [200, { services: this.#declare(body.services), background, ...(images && { images }) }];
    }
    if (call.startsWith('POST /files/')) return this.#file(call.slice('POST /files/'.length), body);
    return [404, { error: { code: 'not_found', message: call } }];
  }

  async #restoreImages(images: Pick<ProcessImage, 'kind' | 'id'>[]): Promise<object[]> {
    await this.restoring;
    return images.map(({ kind, id }) => {
      const lost = this.lost.get(id);
      const task = this.tasks.get(id);
      if (lost === undefined && task !== undefined) this.tasks.set(id, { ...task, status: 'running' });
      return { kind, id, ...(lost === undefined ? {} : { lost }) };
    });
  }

  #run(id: string): BackgroundTask {
    const fresh = {
      id,
      status: 'running' as const,
      exitCode: null,
      signal: null,
      outputFile: `/p/${id}.log`,
      outputBytes: 8,
    };
    const task = this.tasks.get(id) ?? fresh;
    this.tasks.set(id, task);
    return task;
  }

  #declare(services: { name: string }[]): ServiceStatus[] {
    this.services = services.map(({ name }) => ({
      name,
      status: 'running',
      restarts: 0,
      exitCode: null,
      logFile: `/p/${name}.log`,
    }));
    return this.services;
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  async #file(operation: string, body: any): Promise<[number, unknown]> {
    if (operation === 'resolve') return [200, { paths: body.paths }];
    if (operation === 'collect') {
      const results = collectRequests.parse(body).requests.map(() => nothingFound);
      return [200, { results }];
    }
    if (operation === 'glob') return [200, { paths: this.found, truncated: false }];
    if (operation === 'grep') return [200, { output: this.found.join('\n'), truncated: false }];
    const path = String(body.path).replace('/home/agent', this.#home);
    const now = await readFile(path, 'utf8').catch(() => undefined);
    const hash = (content: string) => createHash('sha256').update(content).digest('hex');
    if (operation === 'write') {
      if (body.expectedHash !== undefined && hash(now ?? '') !== body.expectedHash) {
        return [409, { error: { code: 'changed', message: 'it changed' } }];
      }
      await writeFile(path, body.content);
      return [
        200,
        { created: now === undefined, bytes: Buffer.byteLength(body.content), hash: hash(body.content) },
      ];
    }
    if (now === undefined) return [404, { error: { code: 'not_found', message: `${path} does not exist` } }];
    if (operation === 'bytes')
      return [
        200,
        { base64: Buffer.from(now).toString('base64'), bytes: Buffer.byteLength(now), hash: hash(now) },
      ];
    return [200, { content: now, totalLines: now.split('\n').length, truncated: false, hash: hash(now) }];
  }

  #exec(body: ExecRequest, response: ServerResponse): void {
    this.commands.push(body.command);
    const child = spawn('bash', ['-c', body.command], {
      cwd: this.#home,
      detached: true,
      // As workspaced does it. A bash that finds a socket as its input takes itself for a remote shell and reads ~/.bashrc.
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const send = (event: object) => response.write(`${JSON.stringify(event)}\n`);
    child.stdout.on('data', (text: Buffer) =>
      send({ type: 'output', stream: 'stdout', text: text.toString() }),
    );
    child.stderr.on('data', (text: Buffer) =>
      send({ type: 'output', stream: 'stderr', text: text.toString() }),
    );
    response.on('close', () => {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
        process.kill(-child.pid, 'SIGKILL');
    });
    child.on('close', (code, signal) => {
      send({ type: 'exit', code, signal, timedOut: false, outputBytes: 0, cwd: body.cwd ?? '/home/agent' });
      response.end();
    });
  }
}
