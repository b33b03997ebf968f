/** What stands for what in the text of a skill. */
export interface Substitutions {
  /** What was written behind the name, as it was written. */
  args: string;
  argumentNames: readonly string[];
  /** `CLAUDE_SKILL_DIR` and the like, by name; of a plugin `user_config.KEY`. */
  variables: Readonly<Record<string, string>>;
}

/** The words of a line, as a shell would split them: quotes keep spaces, a backslash keeps the next character. */
export function splitArguments(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    if (character === '\\' && quote !== "'" && at + 1 < line.length) {
      at += 1;
      word = (word ?? '') + line[at];
    } else if (quote === undefined && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === quote) quote = undefined;
    else if (quote === undefined && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  return word === undefined ? words : [...words, word];
}

/**
 * Puts in `$ARGUMENTS`, `$ARGUMENTS[N]`, `$N` (from 0), `$name` and `${VARIABLE}`, in one pass: what was put in is not looked
 * at again. `used`: there was a place for the arguments. `\$` before one of them keeps it as it is.
 */
export function substitute(text: string, to: Substitutions): { text: string; used: boolean } {
  const words = splitArguments(to.args);
  let used = false;
  const pattern = new RegExp(
    `(\\\\*)\\$(?:\\{([A-Z_]+|user_config\\.\\w+)\\}|(ARGUMENTS)\\b(?:\\[(\\d{1,4})\\])?|(\\d{1,4})|(${namesIn(to.argumentNames)})(?!\\w))`,
    'g',
  );
  const replaced = text.replace(pattern, (whole, slashes: string, variable, all, index, number, name) => {
    if (variable !== undefined) return slashes + (to.variables[variable] ?? `\${${variable}}`);
    if (slashes.length === 1) return whole.slice(1);
    used = true;
    if (name !== undefined) return slashes + (words[to.argumentNames.indexOf(name)] ?? '');
    if (all !== undefined && index === undefined) return slashes + to.args;
    return words[Number(index ?? number)] === undefined ? whole : slashes + words[Number(index ?? number)];
  });
  return { text: replaced, used };
}

/** An expression for any of the names, the longer ones first; for none where there are none. */
function namesIn(names: readonly string[]): string {
  const sources = [...names]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return sources.length === 0 ? '(?!)' : sources.join('|');
}
