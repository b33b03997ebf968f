import { z } from 'zod';

/** A list of texts in a settings file; what is no text in it counts as not there. */
export const listOfTexts = z
  .array(z.unknown())
  .transform((items) => items.filter((item) => typeof item === 'string'))
  .optional()
  .catch(undefined);
