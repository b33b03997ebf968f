import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import { type PipeRequest, pipeEvent } from '../../protocol/pipes.ts';
import { type Conversation, readNdjson, type ToolsClient } from '../tools/tools-client.ts';

/** Characters of one message, and of what a server printed on its standard error that are kept. */
const maxMessageChars = 16 * 1024 * 1024;
const keptStderr = 4_000;

/** The standard input and output of a program of the workspace, which workspaced runs and passes on. */
export class WorkspaceStdioTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport['onmessage'];
  /** The SDK takes a transport with these two for one of standard input and output. */
  readonly stderr = null;
  readonly pid = null;
  readonly #client: ToolsClient;
  readonly #request: PipeRequest;
  readonly #parse: (line: string) => JSONRPCMessage;
  readonly #abort = new AbortController();
  #conversation: Conversation | undefined;
  #line = '';
  #printed = '';
  #closed = false;

  /** `parse` throws for a line that is no message. */
  constructor(client: ToolsClient, request: PipeRequest, parse: (line: string) => JSONRPCMessage) {
    this.#client = client;
    this.#request = request;
    this.#parse = parse;
  }

  /** The end of what the program printed on its standard error. */
  get printed(): string {
    return this.#printed;
  }

  async start(): Promise<void> {
    this.#conversation = await this.#client.converse('/pipes', this.#request, {
      signal: this.#abort.signal,
    });
    this.#conversation.input.on('error', (error) => this.#end(error));
    this.#read(this.#conversation.answer).then(
      () => this.#end(),
      (error: unknown) => this.#end(error),
    );
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const { input } = this.#conversation ?? {};
    if (this.#closed || input === undefined) throw new Error('the server has ended');
    const full = !input.write(`${JSON.stringify(message)}\n`);
    if (full && !input.destroyed)
      await new Promise<void>((resolve) => {
        const done = () => {
          input.off('drain', done);
          input.off('close', done);
          resolve();
        };
        input.on('drain', done);
        input.on('close', done);
      });
  }

  async close(): Promise<void> {
    this.#end();
  }

  async #read(answer: Conversation['answer']): Promise<void> {
    await readNdjson(answer, pipeEvent, (event) => {
      if (event.type === 'output' && event.stream === 'stdout') this.#take(event.text);
      else if (event.type === 'output') this.#printed = (this.#printed + event.text).slice(-keptStderr);
      else if (event.type === 'exit')
        this.#printed += `\n[ended ${event.signal === null ? `with exit code ${event.code}` : `by ${event.signal}`}]`;
    });
  }

  #take(text: string): void {
    const [first = '', ...rest] = text.split('\n');
    const lines = [this.#line + first, ...rest];
    this.#line = lines.pop() ?? '';
    if (this.#line.length > maxMessageChars) throw new Error('the server sent a message that is too large');
    for (const line of lines) {
      if (line.trim() === '') continue;
      let message: JSONRPCMessage;
      try {
        message = this.#parse(line);
      } catch (error) {
        // Some print what is no message; it is none of ours.
        this.onerror?.(error as Error);
        continue;
      }
      this.onmessage?.(message);
    }
  }

  #end(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    if (error instanceof Error && !this.#abort.signal.aborted) this.onerror?.(error);
    this.#conversation?.input.end();
    this.#abort.abort(new Error('the connection to the server was closed'));
    this.onclose?.();
  }
}
