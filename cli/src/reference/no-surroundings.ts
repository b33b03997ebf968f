import type { Surroundings } from '../surroundings.ts';

/** For those who only look at the definitions of commands: whatever runs one fails. */
export const noSurroundings = {
  program: 'dormouse',
  terminal: { in: false, out: false, err: false, columns: 100 },
  out: () => undefined,
  err: () => undefined,
} as unknown as Surroundings;
