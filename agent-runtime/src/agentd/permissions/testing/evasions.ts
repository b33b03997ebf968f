import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Ways to run a program `canary` that a rule `Bash(canary:*)` forbids. `@BIN@` is the folder that it lies in. */
const evasions = z
  .object({ attempts: z.record(z.string(), z.array(z.string())), promisedByNobody: z.array(z.string()) })
  .parse(JSON.parse(readFileSync(new URL('evasions.json', import.meta.url), 'utf8')));

export const attempts: readonly string[] = Object.values(evasions.attempts).flat();

/** Need a program, a terminal or a right that a test machine may lack, or the outside: what they would do is known. */
export const unrunnable: ReadonlySet<string> = new Set(
  attempts.filter((attempt) =>
    /^(?:sudo|doas|busybox|strace|watch|ssh|su |script|chroot|unshare|gdb|tmux|vim|rsync|git|GIT|node|tar|python3|perl|make|PROMPT_COMMAND)|parallel|at now|-ok canary/.test(
      attempt,
    ),
  ),
);

/** What runs a text that does not stand on the line in any form, by a program that is not there to run commands. */
export const { promisedByNobody } = evasions;
