import { z } from 'zod';
import { filePermissions } from '../permissions/file-rules.ts';

/** What a settings file may say, as far as it has an effect here. A key that is not as it should be counts as not there. */
export const settings = z.looseObject({
  permissions: filePermissions,
  /** Read by `hooks/read.ts`, which tells each broken one by itself. */
  hooks: z.unknown().optional(),
  disableAllHooks: z.boolean().optional().catch(undefined),
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
export function lineOfSyntaxError(text: string, { message }: SyntaxError): number {
  const line = /line (\d+)/.exec(message)?.[1];
  if (line !== undefined) return Number(line);
  const position = /position (\d+)/.exec(message)?.[1];
  return text.slice(0, position === undefined ? text.length : Number(position)).split('\n').length;
}

/** The line of the value at `path` in a JSON text; 1 where it is not found. */
export async function lineOf(text: string, path: readonly PropertyKey[]): Promise<number> {
  // Loaded where something is wrong, never in the way of a wake.
  const { LineCounter, isNode, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, logLevel: 'silent' });
  for (let end = path.length; end > 0; end -= 1) {
    const node: unknown = document.getIn(path.slice(0, end), true);
    if (isNode(node) && node.range) return lineCounter.linePos(node.range[0]).line;
  }
  return 1;
}
