import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const context = process.env.KUBE_CONTEXT ? ['--context', process.env.KUBE_CONTEXT] : [];

/** Starts kubectl. Its messages for people go to ours. */
export function start(args: string[], signal: AbortSignal, stderr: 'inherit' | 'ignore' = 'inherit') {
  const child = spawn('kubectl', [...context, ...args], { stdio: ['pipe', 'pipe', stderr] });
  const end = () => child.kill();
  signal.addEventListener('abort', end, { once: true });
  const closed = once(child, 'close').finally(() => signal.removeEventListener('abort', end));
  return { child, closed, lines: createInterface({ input: child.stdout }) };
}

/** Runs kubectl; answers what it printed. Throws when it fails. */
export async function kubectl(args: string[], input = ''): Promise<string> {
  const { child, closed } = start(args, new AbortController().signal);
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    printed += chunk;
  });
  child.stdin.end(input);
  const [code] = await closed;
  if (code !== 0) throw new Error(`kubectl ${args.slice(0, 3).join(' ')} failed with status ${code}`);
  return printed;
}

/**
 * Follows a field of an object, a jsonpath expression, until `seen` answers true; `seen` hears of every new value once.
 * Answers the last value. Throws after `limitMs`; ends quietly when `signal` is aborted.
 */
export async function watch(
  kind: string,
  name: string,
  field: string,
  limitMs: number | undefined,
  seen: (value: string) => boolean,
  signal?: AbortSignal,
): Promise<string> {
  const limit = AbortSignal.timeout(limitMs ?? 2 ** 31 - 1);
  const ended = signal ? AbortSignal.any([signal, limit]) : limit;
  let last: string | undefined;
  while (!ended.aborted) {
    const args = ['get', kind, name, '--watch', '--output', `jsonpath=${field}{"\\n"}`];
    const { child, closed, lines } = start(args, ended);
    for await (const value of lines) {
      if (value === last) continue;
      last = value;
      if (seen(value)) {
        child.kill();
        await closed;
        return value;
      }
    }
    await closed; // the API server ends a watch now and then: begin again
  }
  if (!signal?.aborted)
    throw new Error(`${kind} ${name}: no end in ${(limitMs ?? 0) / 1000} s; last seen: ${last}`);
  return last ?? '';
}
