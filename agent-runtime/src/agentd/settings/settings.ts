import { z } from 'zod';
import { filePermissions } from '../permissions/file-rules.ts';

/** What a settings file may say, as far as it has an effect here. A key that is not as it should be counts as not there. */
export const settings = z.looseObject({
  permissions: filePermissions,
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
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `${path}:${lineOfSyntaxError(text, error as SyntaxError)}: it is no JSON.` };
  }
  const parsed = settings.safeParse(value);
  return parsed.success ? { settings: parsed.data } : { problem: `${path}:1: it must be a JSON object.` };
}

/** V8 names the line, the position, or the piece of text where it stopped; at an early end nothing, which is the last line. */
function lineOfSyntaxError(text: string, { message }: SyntaxError): number {
  const line = /line (\d+)/.exec(message)?.[1];
  if (line !== undefined) return Number(line);
  const position = /position (\d+)/.exec(message)?.[1];
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
}
