import { CommanderError } from 'commander';
import { exitCodes } from './exit-code.ts';
import { Exited, Failure, report } from './failure.ts';
import { program } from './program.ts';
import type { Surroundings } from './surroundings.ts';

/** Does what the arguments say; answers the exit code. Never rejects. */
export async function run(args: readonly string[], around: Surroundings): Promise<number> {
  try {
    await program(around).parseAsync(args, { from: 'user' });
    return exitCodes.ok.code;
  } catch (error) {
    // Commander has said what is wrong, or shown the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage.code;
    if (error instanceof Exited) return error.code;
    if (error instanceof Failure) {
      around.err(`${report(error)}\n`);
      return exitCodes[error.outcome].code;
    }
    around.err(`error of dormouse itself, please report it: ${(error as Error).stack ?? error}\n`);
    return exitCodes.internal.code;
  }
}
