import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { agentKey, type RuntimeConfig } from '@dormouse/agent-runtime/protocol';
import { workspaceLabel } from '@dormouse/crds';
import type { ApiServer } from '../../../test/support/api-server/index.ts';
import { type ModelServer, startModelServer } from '../../../test/support/model-server/server.ts';
import { run } from '../../../test/support/program.ts';
import { collections, type Person } from './person.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const masterKey = 'master';
const name = { namespace: 'team', name: 'ada' };

/**
 * Workspace `ada` of a person's cluster without a pod: the real gateway, `agentd`, `workspaced` and host of terminals, each
 * its own process on this machine, and the scripted model. The token `good` may do everything.
 */
export class LocalWorkspace implements AsyncDisposable {
  /** The gateway's. */
  url = '';
  readonly home: string;
  readonly #folder: string;
  readonly #person: Person;
  readonly #running: ChildProcess[] = [];
  /** Where the agent listens, on the port that every agent has: an address of this machine that nobody else uses. */
  readonly #address =
    `127.${[process.pid >> 16, process.pid >> 8, process.pid].map((part) => part & 255).join('.')}`;
  #agent: ChildProcess | undefined;
  #model: ModelServer | undefined;

  /** @param permissions what the agent may do without asking */
  static async start(
    person: Person,
    permissions: RuntimeConfig['permissions'] = { mode: 'bypassPermissions', allow: [], ask: [], deny: [] },
  ): Promise<LocalWorkspace> {
    const workspace = new LocalWorkspace(person, await mkdtemp(join(tmpdir(), 'dormouse-local-')));
    await workspace.#start(permissions);
    return workspace;
  }

  private constructor(person: Person, folder: string) {
    this.#person = person;
    this.#folder = folder;
    this.home = join(folder, 'home');
  }

  async #start(permissions: RuntimeConfig['permissions']): Promise<void> {
    this.#model = await startModelServer();
    const uid = this.#putWorkspace();
    allowEverything(this.#person.server);
    for (const each of ['home', 'state', 'transcripts', 'secrets']) await mkdir(join(this.#folder, each));
    const config: RuntimeConfig = {
      revision: '1',
      workspace: { ...name, uid },
      model: { name: 'scripted', baseUrl: this.#model.url, compactAt: 150_000 },
      permissions,
      plugins: [],
      services: [],
      schedules: { most: 20, minIntervalSeconds: 60 },
      checkpoint: { keep: 2, processes: 'Restart', onDumpFailure: 'StayAwake' },
    };
    await this.#write('secrets/config.json', JSON.stringify(config));
    await this.#write('secrets/key', agentKey(masterKey, { ...name, uid }));
    await this.#write('secrets/token', 'unused');
    await Promise.all([this.#startTools(), this.#startGateway()]);
    await this.startAgent();
  }

  /** A new start of `agentd` on the same volume. */
  async startAgent(): Promise<void> {
    this.#agent = this.#spawn('agent-runtime/src/agentd/main.ts', [], {
      DORMOUSE_SECRETS: this.#at('secrets'),
      DORMOUSE_GATEWAY_TOKEN_FILE: this.#at('secrets/token'),
      DORMOUSE_STATE: this.#at('state'),
      DORMOUSE_TOOLS_SOCKET: this.#at('tools.sock'),
      DORMOUSE_HOME: this.home,
      DORMOUSE_HOST: this.#address,
    });
    await told(this.#agent, 'ready');
  }

  /** Kills `agentd`; what it had said lasts. */
  async killAgent(): Promise<void> {
    if (this.#agent !== undefined) await end(this.#agent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map(end));
    await this.#model?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #startTools(): Promise<void> {
    const source = join(root, 'agent-runtime/terminal-host');
    const built = await run('go', ['build', '-buildvcs=false', '-o', this.#at('terminal-host'), '.'], {
      cwd: source,
      env: { CGO_ENABLED: '0' },
    });
    if (built.code !== 0) throw new Error(`terminal-host cannot be built: ${built.stderr}`);
    const tools = this.#spawn('agent-runtime/src/workspaced/main.ts', [], {
      DORMOUSE_TOOLS_SOCKET: this.#at('tools.sock'),
      DORMOUSE_HOME: this.home,
      DORMOUSE_PROCESSES: this.#at('processes'),
      DORMOUSE_TRANSCRIPTS: this.#at('transcripts'),
      DORMOUSE_TERMINAL_HOST: this.#at('terminal-host'),
    });
    await told(tools, 'ready');
  }

  async #startGateway(): Promise<void> {
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'here',
      contexts: [{ name: 'here', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster: { server: this.#person.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'gateway' } }],
    };
    await this.#write('kubeconfig', JSON.stringify(kubeconfig));
    await this.#write('master-key', masterKey);
    const files = ['--kubeconfig', this.#at('kubeconfig'), '--master-key-file', this.#at('master-key')];
    const ports = ['port', 'health-port', 'model-port', 'egress-port'].flatMap((each) => [`--${each}`, '0']);
    const gateway = this.#spawn('gateway/src/main.ts', [...files, ...ports], {});
    const { port } = await told(gateway, 'gateway is open');
    this.url = `http://127.0.0.1:${port}`;
  }

  /** The workspace and its pod, as the operator leaves them while it runs. */
  #putWorkspace(): string {
    const { objects } = this.#person.server;
    const { uid } = this.#person.workspace(name.name).metadata;
    const owner = { apiVersion: 'dormouse.dev/v1alpha1', kind: 'AgentWorkspace', name: name.name, uid };
    const pod = {
      metadata: {
        ...name,
        labels: { [workspaceLabel]: name.name },
        ownerReferences: [{ ...owner, controller: true }],
      },
      status: { podIP: this.#address },
    };
    const podUID = objects.put('api/v1/pods', 'team/ada', pod).metadata.uid;
    this.#person.status(collections.workspaces, name.name, { phase: 'Running', podUID });
    return uid;
  }

  #spawn(entry: string, args: string[], env: Record<string, string>): ChildProcess {
    const child = spawn(process.execPath, [join(root, entry), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
        HOME: this.home,
        ...env,
      },
    });
    this.#running.push(child);
    return child;
  }

  #at(file: string): string {
    return join(this.#folder, file);
  }

  #write(file: string, content: string): Promise<void> {
    return writeFile(this.#at(file), content);
  }
}

/** Answers every question of the gateway, who somebody is and whether they may, as if `good` were the token of an administrator. */
function allowEverything(server: ApiServer): void {
  server.misbehave({
    matches: ({ collection }) => collection.endsWith('reviews'),
    times: Number.POSITIVE_INFINITY,
    respond(response, { collection, body }) {
      const authenticated = (body.spec as { token?: string }).token === 'good';
      const user = { username: 'ada', groups: [] };
      const status = collection.endsWith('tokenreviews') ? { authenticated, user } : { allowed: true };
      response.writeHead(201, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ metadata: {}, status }));
    },
  });
}

/** Waits for a line of a program's log. */
async function told(child: ChildProcess, message: string): Promise<Record<string, unknown>> {
  if (child.stdout === null) throw new Error('the program has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line);
    if (entry.msg !== message) continue;
    child.stdout.resume();
    return entry;
  }
  throw new Error(`a program ended before it said "${message}"`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
