import { literalPattern, PathPattern, PatternError } from '../../../glob/path-pattern.ts';

/** A settings file, as far as it keeps files with instructions away. */
export interface ExcludingFile {
  path: string;
  settings: { claudeMdExcludes?: readonly string[] | undefined };
}

/** Says of an absolute path whether a file there is not read for its instructions: settings files add up. */
export function excludedBy(files: readonly ExcludingFile[], home: string): (path: string) => boolean {
  const patterns = files.flatMap((file) => textsOf(file).flatMap((text) => readable(text, home) ?? []));
  return (path) => patterns.some((pattern) => pattern.matches(path.slice(1)));
}

/** A sentence for each pattern that does not count. */
export function problemsOfExcludes(files: readonly ExcludingFile[]): string[] {
  return files.flatMap((file) =>
    textsOf(file)
      .filter((text) => readable(text, '/') === undefined)
      .map(
        (text) => `${file.path}: ${text.slice(0, 80)} in claudeMdExcludes is no pattern of absolute paths.`,
      ),
  );
}

/** Of one file, so many count. */
const most = 128;

function textsOf({ settings }: ExcludingFile): readonly string[] {
  return (settings.claudeMdExcludes ?? []).slice(0, most);
}

/** Paths are absolute, so a pattern begins with `/`, `~/` or any folder. */
function readable(text: string, home: string): PathPattern | undefined {
  if (text.length > 512 || !/^(?:\/|~\/|\*\*\/)/.test(text)) return undefined;
  try {
    return new PathPattern(text.startsWith('~/') ? `${literalPattern(home)}/${text.slice(2)}` : text);
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}
