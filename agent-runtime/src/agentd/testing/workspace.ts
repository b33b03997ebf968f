import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import {
  type ModelServer,
  type ModelServerOptions,
  startModelServer,
} from '../../../../test/support/model-server/server.ts';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { MessageRecord } from '../../protocol/messages.ts';
import type { RuntimeState } from '../../protocol/state.ts';
import { Agent } from '../agent.ts';
import { createApiServer } from '../api/router.ts';
import { routesOf } from '../api/routes.ts';
import { MessagesModel, type Model } from '../model/model-client.ts';
import { ScriptedTools } from './scripted-tools.ts';

// biome-ignore lint/suspicious/noExplicitAny: what came over the wire; the tests say what it must hold
export type Json = any;

const key = 'a-key-that-is-long-enough';

type ConfigChange = Partial<Pick<RuntimeConfig, 'services' | 'systemPrompt'>> & {
  permissions?: Partial<RuntimeConfig['permissions']>;
  model?: Partial<RuntimeConfig['model']>;
  checkpoint?: Partial<RuntimeConfig['checkpoint']>;
  schedules?: Partial<RuntimeConfig['schedules']>;
};

/** A workspace without a pod: a volume, tools and a model that outlive the agents started on it. */
export class TestWorkspace {
  readonly folder: string;
  readonly home: string;
  readonly state: string;
  readonly tools: ScriptedTools;
  readonly model: ModelServer;
  config: RuntimeConfig;
  /** The home as the agent knows it. */
  agentHome = '/home/agent';
  /** For tests that take the tools away, and would wait for them for 15 seconds. */
  toolsPatienceMs: number | undefined;
  /** What the agent shows to the model. */
  credential = 'model-key';
  readonly #agents: RunningAgent[] = [];

  static async create(change: ConfigChange = {}, model: ModelServerOptions = {}): Promise<TestWorkspace> {
    const folder = await mkdtemp(join(tmpdir(), 'dormouse-agentd-'));
    const server = await startModelServer({ apiKey: 'model-key', ...model });
    const workspace = new TestWorkspace(folder, server, change);
    await mkdir(workspace.home);
    await mkdir(workspace.state);
    await workspace.tools.listen(workspace.socketPath);
    return workspace;
  }

  /** Resolves when a command has begun, the first one. */
  async commandBegins(): Promise<void> {
    await eventually(
      async () => this.tools.commands.length,
      (count) => count === 1,
    );
  }

  private constructor(folder: string, model: ModelServer, change: ConfigChange) {
    this.folder = folder;
    this.home = join(folder, 'home');
    this.state = join(folder, 'state');
    this.tools = new ScriptedTools(this.home);
    this.model = model;
    this.config = {
      revision: '1',
      workspace: { namespace: 'team', name: 'demo', uid: 'uid-1' },
      permissions: { mode: 'bypassPermissions', allow: [], ask: [], deny: [], ...change.permissions },
      model: { name: 'scripted', baseUrl: model.url, compactAt: 150_000, ...change.model },
      services: change.services ?? [],
      plugins: [],
      schedules: { most: 20, minIntervalSeconds: 1, ...change.schedules },
      checkpoint: { keep: 2, processes: 'Restart', onDumpFailure: 'StayAwake', ...change.checkpoint },
    };
  }

  get socketPath(): string {
    return join(this.folder, 'tools.sock');
  }

  /** Writes a file of the home, with the folders that it lies in. */
  async put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.home, path)), { recursive: true });
    await writeFile(join(this.home, path), text);
  }

  /** Starts an agent in this process; it asks the scripted model unless given another. */
  async start(model?: Model): Promise<RunningAgent> {
    const log = pino({ level: process.env.LOG_LEVEL ?? 'silent' });
    const agent = await Agent.open({
      mounted: { config: this.config, key },
      stateFolder: this.state,
      socketPath: this.socketPath,
      toolsPatienceMs: this.toolsPatienceMs,
      home: this.agentHome,
      readable: ['/var/lib/dormouse-processes', join(this.state, 'plugins')],
      plugins: { folder: join(this.state, 'plugins'), archives: join(this.folder, 'archives') },
      model: (baseUrl) => model ?? new MessagesModel(baseUrl, { read: async () => this.credential }),
      gatewayToken: { read: async () => this.credential },
      log,
    });
    const server = createApiServer({ routes: routesOf(agent), key, log, onAnswer: () => undefined });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    agent.start();
    const { port } = server.address() as AddressInfo;
    let stopped: Promise<void> | undefined;
    const stop = async () => {
      server.close();
      await agent.stop();
      server.closeAllConnections();
    };
    const running = new RunningAgent(`http://127.0.0.1:${port}`, () => {
      stopped ??= stop();
      return stopped;
    });
    this.#agents.push(running);
    return running;
  }

  /** Starts an agent as its own process, to be killed. */
  async spawn(): Promise<RunningAgent & { child: ChildProcess }> {
    const secrets = join(this.folder, 'secrets');
    await mkdir(secrets, { recursive: true });
    await writeFile(join(secrets, 'config.json'), JSON.stringify(this.config));
    await writeFile(join(secrets, 'key'), key);
    await writeFile(join(secrets, 'token'), this.credential);
    const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        DORMOUSE_SECRETS: secrets,
        DORMOUSE_GATEWAY_TOKEN_FILE: join(secrets, 'token'),
        DORMOUSE_STATE: this.state,
        DORMOUSE_HOME: this.agentHome,
        DORMOUSE_PLUGINS: join(this.state, 'plugins'),
        DORMOUSE_TOOLS_SOCKET: this.socketPath,
        DORMOUSE_HOST: '127.0.0.1',
        DORMOUSE_PORT: '0',
      },
    });
    const exited = once(child, 'exit');
    const running = new RunningAgent(`http://127.0.0.1:${await portOf(child)}`, async () => {
      child.kill('SIGKILL');
      await exited;
    });
    this.#agents.push(running);
    return Object.assign(running, { child });
  }

  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    await this.tools.close();
    await this.model.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function portOf(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error('the agent has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: AddressInfo };
    if (msg === 'ready' && port !== undefined) {
      child.stdout.resume();
      return port.port;
    }
    if (msg.includes('cannot be used') || msg === 'failed') throw new Error(line);
  }
  throw new Error('the agent ended before it was ready');
}

/** An agent that answers, as a caller with the key sees it. */
export class RunningAgent {
  readonly url: string;
  readonly stop: () => Promise<void>;

  constructor(url: string, stop: () => Promise<void>) {
    this.url = url;
    this.stop = stop;
  }

  async call(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: Json; text: string }> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { 'x-dormouse-key': key, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('application/json') === true;
    return { status: response.status, body: json ? JSON.parse(text) : undefined, text };
  }

  async send(message: string, text: string, session = 'main'): Promise<MessageRecord> {
    const { status, body } = await this.call('POST', '/v1/messages', { key: message, session, text });
    if (status !== 202 && status !== 200)
      throw Object.assign(new Error(`${status} ${JSON.stringify(body)}`), { status });
    return body;
  }

  async record(message: string): Promise<MessageRecord> {
    return (await this.call('GET', `/v1/messages/${message}`)).body;
  }

  /** The record when it says so; fails after `ms`. */
  async until(
    message: string,
    condition: (record: MessageRecord) => boolean,
    ms = 10_000,
  ): Promise<MessageRecord> {
    return eventually(
      () => this.record(message),
      (record) => record !== undefined && condition(record),
      ms,
    );
  }

  async settled(message: string, ms?: number): Promise<MessageRecord> {
    return this.until(message, ({ phase }) => phase === 'Completed' || phase === 'Failed', ms);
  }

  async state(): Promise<RuntimeState> {
    return (await this.call('GET', '/v1/state')).body;
  }

  async stateWhen(condition: (state: RuntimeState) => boolean, ms = 10_000): Promise<RuntimeState> {
    return eventually(() => this.state(), condition, ms);
  }

  /** The entries of a transcript. */
  async transcript(session = 'main'): Promise<Json[]> {
    const { status, text } = await this.call('GET', `/v1/sessions/${session}/transcript`);
    if (status !== 200) throw new Error(`no transcript of ${session}: ${status} ${text}`);
    return text.trim() === ''
      ? []
      : text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line));
  }
}

/** Asks again until the answer is the one waited for. */
export async function eventually<T>(
  ask: () => Promise<T>,
  condition: (answer: T) => boolean,
  ms = 10_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (condition(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${ms} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
