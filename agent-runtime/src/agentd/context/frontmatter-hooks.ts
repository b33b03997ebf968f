import { z } from 'zod';

/** Characters of `hooks` in a frontmatter, as JSON: they stand in the transcript with each start. */
const maxChars = 32 * 1024;

/** `hooks` of a skill or subagent; each is looked at when it is about to run. */
export const frontmatterHooks = z
  .record(z.string(), z.unknown(), 'must be events, as in settings.json')
  .refine((hooks) => JSON.stringify(hooks).length <= maxChars, `must have at most ${maxChars} characters`);
