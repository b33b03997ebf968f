/** The scripted model as a program of its own: `node main.ts --help`. */
import { parseArgs } from 'node:util';
import { parseFault } from './fault.ts';
import { understood } from './script.ts';
import { type ModelServerOptions, startModelServer } from './server.ts';

const help = `Usage: model-server [options]

A scripted stand-in for a model: it speaks the wire format of the Messages API and follows the instructions in the
last prompt. It remembers nothing between requests.

  --port N              port to listen on (default 8080; 0 is any free one)
  --host ADDRESS        address to listen on (default 127.0.0.1)
  --fault FAULT         what goes wrong with every request, for example "529", "429 retry-after 2",
                        "cut after 5 events", "slow 200ms"; add "until 2030-01-01T00:00:00Z" or "for 2 attempts"
  --context-window N    tokens of the largest prompt
  --max-body-bytes N    bytes of the largest request
  --help                this text

Environment: MODEL_SERVER_API_KEY is the key that requests must carry; without it, they need none.

${understood}
`;

function number(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`--${name} takes a whole number, not "${text}"`);
}

function fault(text: string) {
  const parsed = parseFault(text);
  if (parsed === undefined) throw new TypeError(`--fault takes a fault such as "529", not "${text}"`);
  return parsed;
}

/** The options of the command line; `undefined` when only help is wanted. Throws `TypeError` for what it can't take. */
function options(args: string[]): ModelServerOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '8080' },
      host: { type: 'string', default: '127.0.0.1' },
      fault: { type: 'string' },
      'context-window': { type: 'string' },
      'max-body-bytes': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const apiKey = process.env.MODEL_SERVER_API_KEY;
  const window = values['context-window'];
  const body = values['max-body-bytes'];
  return {
    port: number('port', values.port),
    host: values.host,
    ...(apiKey !== undefined && apiKey !== '' && { apiKey }),
    ...(values.fault !== undefined && { fault: fault(values.fault) }),
    ...(window !== undefined && { contextWindow: number('context-window', window) }),
    ...(body !== undefined && { maxBodyBytes: number('max-body-bytes', body) }),
    onAnswer: ({ method, path, status, requestId, durationMs }) => {
      if (path !== '/healthz')
        log('answered', { method, path, status, requestId, durationMs: Math.round(durationMs * 100) / 100 });
    },
  };
}

function log(msg: string, fields: object): void {
  process.stdout.write(`${JSON.stringify({ time: Date.now(), msg, ...fields })}\n`);
}

async function main(): Promise<void> {
  const chosen = options(process.argv.slice(2));
  if (chosen === undefined) {
    process.stdout.write(help);
    return;
  }
  const server = await startModelServer(chosen);
  log('listening', { port: server.port });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close());
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nTry --help.\n`);
  process.exitCode = 2;
});
