import { parseArgs } from 'node:util';
import type { z } from 'zod';

/** What a program can be told, by flag or by environment variable: `--NAME VALUE`, or `VARIABLE=VALUE`. */
export type Flags = Record<string, { value: string; variable: string; help: string }>;

/** The configuration is not one; `message` says every reason, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The text of `--help`. */
export function usageOf(what: string, command: string, flags: Flags): string {
  return [
    what,
    '',
    `Usage: ${command} [--FLAG VALUE]…`,
    '',
    ...Object.entries(flags).flatMap(([name, { value, variable, help }]) => [
      `  --${name} ${value}  (${variable})`,
      `      ${help}`,
    ]),
    '  --help',
    '      This text.',
  ].join('\n');
}

/**
 * Reads flags, then the environment, then the schema's defaults. `'help'` where that was asked for.
 * @throws ConfigError with a line for each value that is not valid.
 */
export function readFlags<Data>(
  flags: Flags,
  schema: z.ZodType<Data>,
  args: string[],
  env: Record<string, string | undefined>,
): Data | 'help' {
  const given = parseFlags(flags, args);
  if (given === 'help') return 'help';
  const raw = Object.fromEntries(
    Object.entries(flags).map(([flag, { variable }]) => {
      const value = given[flag] ?? env[variable];
      return [flag, value === '' ? undefined : value];
    }),
  );
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const flag = String(issue.path[0]);
    const source = given[flag] === undefined ? flags[flag]?.variable : `--${flag}`;
    return `${source}: ${JSON.stringify(raw[flag])} is not valid: ${issue.message}`;
  });
  throw new ConfigError([...lines, 'See --help.'].join('\n'));
}

function parseFlags(flags: Flags, args: string[]): Record<string, string | undefined> | 'help' {
  const options = Object.fromEntries([
    ...Object.keys(flags).map((flag) => [flag, { type: 'string' }] as const),
    ['help', { type: 'boolean' }] as const,
  ]);
  try {
    const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
    return 'help' in values && values.help === true ? 'help' : (values as Record<string, string | undefined>);
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\nSee --help.`);
  }
}
