import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { run } from './program.ts';

const programs = ['chromium-headless-shell', 'chromium', 'google-chrome', 'chromium-browser'];
const packages = fileURLToPath(new URL('../../hack/lib/packages.sh', import.meta.url));

const answerSchema = z.looseObject({
  id: z.number().optional(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
});
type Answer = z.infer<typeof answerSchema>;
const evaluated = z.object({ result: z.object({ value: z.unknown() }) });

/** A real browser without a window, with one page, spoken to by the Chrome DevTools Protocol. */
export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #page = '';
  #asked = 0;

  /** Opens a page. Where this machine has no browser, Debian's is installed. */
  static async open(url: string): Promise<Browser> {
    const program = await findProgram();
    const profile = await mkdtemp(join(tmpdir(), 'browser-'));
    const options = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-proxy-server',
      '--remote-debugging-port=0',
    ];
    const child = spawn(program, [...options, `--user-data-dir=${profile}`, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Some are started by a script: what is ended is the group.
      detached: true,
    });
    const socket = new WebSocket(await devToolsOf(child));
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    const browser = new Browser(child, profile, socket);
    const { targetId } = z
      .object({ targetId: z.string() })
      .parse(await browser.#ask('Target.createTarget', { url }));
    const attached = await browser.#ask('Target.attachToTarget', { targetId, flatten: true });
    browser.#page = z.object({ sessionId: z.string() }).parse(attached).sessionId;
    return browser;
  }

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const message = answerSchema.parse(JSON.parse(String(data)));
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    });
  }

  /** What an expression is on the page. */
  async evaluate(expression: string): Promise<unknown> {
    const result = await this.#ask('Runtime.evaluate', { expression, returnByValue: true });
    return evaluated.parse(result).result.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#socket.close();
    if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    await ended;
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #ask(method: string, params: object): Promise<unknown> {
    const id = ++this.#asked;
    const session = this.#page === '' ? {} : { sessionId: this.#page };
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { result, error } = await answered;
    this.#waiting.delete(id);
    if (error !== undefined) throw new Error(`the browser refused ${method}: ${JSON.stringify(error)}`);
    return result;
  }
}

async function findProgram(): Promise<string> {
  const find = async () =>
    (await run('bash', ['-c', `command -v ${programs.join(' ')} | head -n 1`])).stdout.trim();
  const found = await find();
  if (found !== '') return found;
  const { code, stderr } = await run('bash', [
    '-ec',
    `source "${packages}"; install_packages ${programs[0]}`,
  ]);
  if (code !== 0) throw new Error(`no browser is here, and none can be installed: ${stderr.slice(-500)}`);
  return find();
}

function devToolsOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const url = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`the browser ended: ${said.slice(-500)}`)));
  });
}
