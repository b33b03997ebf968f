import { z } from 'zod';

/** How much a model puts into its answers, from the least on. Which of them a model knows, its provider says. */
export const effort = z.enum(
  ['low', 'medium', 'high', 'xhigh', 'max'],
  'must be low, medium, high, xhigh or max',
);
export type Effort = z.infer<typeof effort>;
