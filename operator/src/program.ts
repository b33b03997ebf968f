import { ConfigError } from './flags.ts';

export interface Program<Config> {
  /** As in `dormouse operator`: who speaks on standard error. */
  name: string;
  read: (args: string[], env: Record<string, string | undefined>) => Config | 'help';
  usage: string;
  /** Resolves when it has ended in order; `signal` aborts when it is told to. */
  run: (config: Config, signal: AbortSignal) => Promise<void>;
}

/** Runs a program of the release until SIGTERM or SIGINT, and answers its exit status. */
export async function runProgram<Config>({ name, read, usage, run }: Program<Config>): Promise<void> {
  const stop = new AbortController();
  // A second signal ends the process at once, by Node.js' default.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  try {
    const config = read(process.argv.slice(2), process.env);
    if (config === 'help') {
      process.stdout.write(`${usage}\n`);
      return;
    }
    await run(config, stop.signal);
  } catch (error) {
    const text = error instanceof ConfigError ? error.message : (error as Error).stack;
    process.stderr.write(`${name}: ${text}\n`);
    process.exitCode = 1;
  }
}
