import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Child } from '../child.ts';

const root = join(import.meta.dirname, '../../..');
export const key = 'a-key-that-is-long-enough';

/** A line of a program's log, as far as the benchmark reads it. */
interface LogLine {
  msg: string;
  port?: number | { port: number };
  durationMs?: number;
}

/** Bundles the programs, as the images have them. */
export async function bundle(): Promise<void> {
  await promisify(execFile)(process.execPath, [
    join(root, 'hack/build.ts'),
    'agentd',
    'workspaced',
    'model-server',
  ]);
}

/** A program of `dist/` that has said that it is ready. */
export interface Started {
  child: Child;
  /** Where it listens, if on a port. */
  port: number;
  /** From the start of its process to that line. */
  milliseconds: number;
}

/** Ten hooks that are asked about at each call of a tool, and none of which is meant. */
const hooks = Object.fromEntries(
  ['PreToolUse', 'PostToolUse'].map((event) => [
    event,
    Array.from({ length: 5 }, (_, index) => ({
      matcher: `mcp__none${index}__.*`,
      hooks: [{ type: 'command', command: 'false' }],
    })),
  ]),
);

/** The flags and the variables that the image starts Node.js with. */
async function asInImage(image: string): Promise<{ flags: string[]; env: Record<string, string> }> {
  const text = await readFile(join(root, `hack/image/${image}.Containerfile`), 'utf8');
  const entry: string[] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)?.[1] ?? '[]');
  const variables = [...text.matchAll(/^ENV (.*)$/gm)].flatMap(([, line = '']) => line.split(' '));
  return {
    flags: entry.filter((word) => word.startsWith('--') && word !== '--'),
    env: Object.fromEntries(variables.map((each) => /^(\w+)=(.*)$/.exec(each)?.slice(1) ?? [])),
  };
}

async function start(
  program: string,
  {
    args = [],
    flags = [],
    env,
    ready,
  }: { args?: string[]; flags?: string[]; env?: Record<string, string>; ready: string },
  onLine: (line: LogLine) => void = () => undefined,
): Promise<Started> {
  const began = performance.now();
  const main = join(root, 'dist', program, 'main.js');
  const child = Child.start(process.execPath, [...flags, main, ...args], env === undefined ? {} : { env });
  const said = new Promise<Started>((resolve) => {
    child.lines<LogLine>((line) => {
      const port = typeof line.port === 'object' ? line.port.port : (line.port ?? 0);
      if (line.msg === ready) resolve({ child, port, milliseconds: performance.now() - began });
      onLine(line);
    });
  });
  return Promise.race([said, child.ended()]);
}

/** A volume with its home, and the programs of its pod as processes of this machine. The scripted model stays from one start to the next. */
export class RuntimeFolder implements AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  readonly state: string;
  readonly socket: string;
  /** Milliseconds of each request that the model has answered, from its head to the last byte. */
  readonly modelTimes: number[] = [];
  readonly #all = new AsyncDisposableStack();

  private constructor(folder: string) {
    this.folder = folder;
    this.home = join(folder, 'home');
    this.state = join(folder, 'state');
    this.socket = join(folder, 'tools.sock');
    this.#all.defer(() => rm(folder, { recursive: true, force: true }));
  }

  static async create(): Promise<RuntimeFolder> {
    const made = new RuntimeFolder(await mkdtemp(join(tmpdir(), 'dormouse-bench-')));
    await mkdir(join(made.home, '.claude'), { recursive: true });
    await writeFile(join(made.home, '.claude/settings.json'), JSON.stringify({ hooks }));
    await mkdir(made.state);
    const model = await start('model-server', { args: ['--port', '0'], ready: 'listening' }, (line) => {
      if (line.durationMs !== undefined) made.modelTimes.push(line.durationMs);
    });
    made.#all.use(model.child);
    await made.#writeSecrets(`http://127.0.0.1:${model.port}`);
    return made;
  }

  async #writeSecrets(baseUrl: string): Promise<void> {
    const config = {
      revision: '1',
      workspace: { namespace: 'bench', name: 'bench', uid: 'bench' },
      permissions: { mode: 'bypassPermissions', allow: [], ask: [], deny: [] },
      model: { name: 'scripted', baseUrl, compactAt: 150_000 },
      services: [],
      checkpoint: { keep: 2, processes: 'Restart', onDumpFailure: 'StayAwake' },
    };
    await writeFile(join(this.folder, 'config.json'), JSON.stringify(config));
    await writeFile(join(this.folder, 'key'), key);
    await writeFile(join(this.folder, 'token'), 'token');
  }

  async workspaced(): Promise<Started> {
    const { flags, env: ofImage } = await asInImage('workspace');
    const env = {
      // Outside of a pod the processes of this machine are not its own.
      ...{ ...ofImage, DORMOUSE_OWNS_PID_NAMESPACE: '0' },
      DORMOUSE_TOOLS_SOCKET: this.socket,
      DORMOUSE_HOME: this.home,
      DORMOUSE_PROCESSES: join(this.folder, 'processes'),
      DORMOUSE_TRANSCRIPTS: join(this.state, 'transcripts'),
    };
    return start('workspaced', { flags, env, ready: 'ready' });
  }

  async agentd(): Promise<Started> {
    const { flags, env: ofImage } = await asInImage('agent');
    const env = {
      ...ofImage,
      DORMOUSE_SECRETS: this.folder,
      DORMOUSE_GATEWAY_TOKEN_FILE: join(this.folder, 'token'),
      DORMOUSE_STATE: this.state,
      DORMOUSE_TOOLS_SOCKET: this.socket,
      DORMOUSE_HOME: this.home,
      DORMOUSE_HOST: '127.0.0.1',
      DORMOUSE_PORT: '0',
    };
    return start('agentd', { flags, env, ready: 'ready' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#all.disposeAsync();
  }
}
