import { z } from 'zod';
import { filePermissions } from '../permissions/file-rules.ts';
import { parseJson } from './json.ts';
import { listOfTexts } from './list-of-texts.ts';

/** What a settings file may say, as far as it has an effect here. A key that is not as it should be counts as not there. */
export const settings = z.looseObject({
  permissions: filePermissions,
  /** Read by `hooks/read.ts`, which tells each broken one by itself. */
  hooks: z.unknown().optional(),
  disableAllHooks: z.boolean().optional().catch(undefined),
  claudeMdExcludes: listOfTexts,
  autoMemoryEnabled: z.boolean().optional().catch(undefined),
  autoMemoryDirectory: z
    .string()
    .max(4096)
    .regex(/^(?:\/|~\/)/)
    .optional()
    .catch(undefined),
});
export type Settings = z.infer<typeof settings>;

/** Whose settings they are; later ones come before earlier ones where only one can count. */
export type SettingsScope = 'user' | 'project' | 'local';

export interface SettingsFile {
  scope: SettingsScope;
  path: string;
  text: string;
  settings: Settings;
}

/** Parses one file; `problem` is a sentence with its name and line. */
export function parseSettings(path: string, text: string): { settings: Settings } | { problem: string } {
  const json = parseJson(path, text);
  if ('problem' in json) return json;
  const parsed = settings.safeParse(json.value);
  return parsed.success ? { settings: parsed.data } : { problem: `${path}:1: it must be a JSON object.` };
}
