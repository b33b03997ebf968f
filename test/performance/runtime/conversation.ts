import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { key } from './programs.ts';

/** How a message ended. */
interface Record {
  key: string;
  phase: string;
  message?: string;
}

/** A client of agentd that sends messages one after another, and is told by its events when each has ended. */
export class Conversation implements Disposable {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #abort = new AbortController();
  #heard: Promise<never> = new Promise(() => undefined);
  readonly #waiting = new Map<string, (record: Record) => void>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Resolves when its events are heard. */
  async open(): Promise<this> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/v1/events`, {
      headers: { 'x-dormouse-key': key },
      signal: this.#abort.signal,
    });
    if (response.body === null) throw new Error(`no events: ${response.status}`);
    this.#heard = this.#hear(response.body);
    // Whoever waits for a message is told; when the agent ends, nobody does.
    this.#heard.catch(() => undefined);
    return this;
  }

  /** Milliseconds from sending a message to the event that it is completed. */
  async message(name: string, text: string): Promise<number> {
    const ended = new Promise<Record>((resolve) => this.#waiting.set(name, resolve));
    const began = performance.now();
    await this.#post({ key: name, session: 'main', text });
    const { phase, message } = await Promise.race([ended, this.#heard]);
    if (phase !== 'Completed') throw new Error(`${name} ${phase}: ${message}`);
    return performance.now() - began;
  }

  async #hear(body: AsyncIterable<Uint8Array>): Promise<never> {
    let text = '';
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString('utf8');
      const frames = text.split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) {
        const data = /^event: message\ndata: (.*)$/m.exec(frame)?.[1];
        if (data === undefined) continue;
        const record = JSON.parse(data) as Record;
        if (record.phase !== 'Completed' && record.phase !== 'Failed') continue;
        this.#waiting.get(record.key)?.(record);
        this.#waiting.delete(record.key);
      }
    }
    throw new Error('the events of the agent ended');
  }

  #post(message: object): Promise<void> {
    return new Promise((resolve, reject) => {
      const headers = { 'x-dormouse-key': key, 'content-type': 'application/json' };
      const options = { port: this.#port, path: '/v1/messages', method: 'POST', agent: this.#agent, headers };
      const sent = request({ host: '127.0.0.1', ...options }, (answer) => {
        answer.resume().once('end', () => {
          if (answer.statusCode === 202) resolve();
          else reject(new Error(`a message was answered ${answer.statusCode}`));
        });
      });
      sent.once('error', reject);
      sent.end(JSON.stringify(message));
    });
  }

  [Symbol.dispose](): void {
    this.#abort.abort();
    this.#agent.destroy();
  }
}

/** Runs commands at workspaced directly, as the Bash tool does. */
export class Tools implements Disposable {
  readonly #socketPath: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Milliseconds until its exit is told. */
  exec(command: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const headers = { 'content-type': 'application/json' };
      const options = { socketPath: this.#socketPath, path: '/exec', method: 'POST', agent: this.#agent };
      const sent = request({ ...options, headers }, (answer) => {
        createInterface({ input: answer }).on('line', (line) => {
          if (JSON.parse(line).type === 'exit') resolve(performance.now() - began);
        });
        answer.once('error', reject);
      });
      sent.once('error', reject);
      sent.end(JSON.stringify({ command, timeoutMs: 60_000 }));
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
