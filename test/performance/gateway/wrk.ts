import { join } from 'node:path';
import { run } from '../../support/program.ts';

export interface Load {
  requests: number;
  seconds: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** Asks for a URL over and over on `connections` connections. An answer that is none of success is an error. */
export async function load(
  url: string,
  { connections, seconds, token }: { connections: number; seconds: number; token: string },
): Promise<Load> {
  const { stdout, stderr, code } = await run('wrk', [
    ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
    ...['--header', `authorization: Bearer ${token}`],
    ...['--script', join(import.meta.dirname, 'report.lua'), url],
  ]);
  const line = stdout.split('\n').find((each) => each.startsWith('{'));
  if (code !== 0 || line === undefined) throw new Error(`wrk ${url}: ${stderr}${stdout}`);
  const { requests, duration, errors, p50, p99 } = JSON.parse(line) as Record<
    'requests' | 'duration' | 'errors' | 'p50' | 'p99',
    number
  >;
  if (errors > 0 || requests === 0) throw new Error(`${url}: ${errors} errors at ${requests} requests`);
  return { requests, seconds: duration / 1e6, p50: p50 / 1000, p99: p99 / 1000 };
}
