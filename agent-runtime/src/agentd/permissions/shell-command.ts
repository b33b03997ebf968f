/**
 * A shell command line as the permission rules see it: the simple commands it is made of. Not a shell: whatever this does
 * not understand for certain makes `opaque` true, and an opaque command matches no allow rule.
 */
export interface ShellCommand {
  parts: string[];
  /**
   * Holds something that can run another program or hide one: `$(…)`, backquotes, `<(…)`, groups, here-documents, keywords,
   * quotes that do not end, a redirection to a file, a variable in the place of the program.
   */
  opaque: boolean;
  /** Not even what it would run can be told: an open quote, a program's name made by an expansion. Matches every deny rule. */
  unreadable: boolean;
  /** Every word of the line that could be a program's name, for deny rules: those inside substitutions too. */
  fragments: string[];
}

const separators = /^(\|\||&&|\|&|;;|;|\||&|\n)/;
const keywords = new Set(
  '! { } [[ if then elif else fi for while until do done case esac select function time coproc in'.split(' '),
);

export function parseShellCommand(line: string): ShellCommand {
  const parts: string[] = [];
  let opaque = false;
  let current = '';
  let quote: '"' | "'" | undefined;
  const end = () => {
    if (current.trim() !== '') parts.push(current.trim());
    current = '';
  };
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string;
    if (quote === "'") {
      if (char === "'") quote = undefined;
      current += char;
    } else if (char === '\\') {
      const next = line[at + 1];
      // A continued line is one line; a trailing backslash waits for more.
      if (next === undefined) opaque = true;
      if (next !== '\n') current += char + (next ?? '');
      at += 1;
    } else if (char === '`' || (char === '$' && isExpansion(line, at))) {
      opaque = true;
      current += char;
    } else if (quote === '"') {
      if (char === '"') quote = undefined;
      current += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      current += char;
    } else if (
      char === '(' ||
      char === ')' ||
      char === '\r' ||
      (char === '#' && /[\s;|&]/.test(line[at - 1] ?? ' '))
    ) {
      // A comment may hold a quote that the shell never sees, so what follows it cannot be told apart from here.
      opaque = true;
      current += char;
    } else if (char === '<' || char === '>') {
      const redirection = harmlessRedirection.exec(line.slice(at));
      if (redirection === null) opaque = true;
      current += redirection?.[0] ?? char;
      at += (redirection?.[0].length ?? 1) - 1;
    } else {
      const separator = separators.exec(line.slice(at))?.[0];
      if (separator === undefined) {
        current += char;
      } else {
        end();
        at += separator.length - 1;
      }
    }
  }
  end();
  const stripped = parts.map(stripWrappers);
  const unreadable = quote !== undefined || stripped.some(expandsItsProgram);
  opaque ||= unreadable || stripped.some(hidesItsProgram);
  return { parts: stripped, opaque, unreadable, fragments: fragmentsOf(line, stripped) };
}

/** Joining descriptors and discarding output touch no file: `2>&1`, `>&2`, `>/dev/null`. */
const harmlessRedirection =
  /^(?:>&[0-9](?=$|[\s;|&])|>>?\s*\/dev\/null(?=$|[\s;|&])|<\s*\/dev\/null(?=$|[\s;|&]))/;

/** `$(`, `${` with a nested command, `$'…'` and `$"…"`: what can produce or run text that is not on the line. */
function isExpansion(line: string, at: number): boolean {
  const next = line[at + 1];
  return next === '(' || next === '{' || next === "'" || next === '"' || next === '[';
}

const wrapper =
  /^(?:timeout(?:\s+(?:-[ks]\s+\S+|--?[\w-]+(?:=\S+)?))*\s+[\d.]+[smhd]?|time(?:\s+-p)?|nice(?:\s+-n\s+-?\d+|\s+-\d+|\s+--adjustment=-?\d+)?|nohup|stdbuf(?:\s+-[ioe]\s*\S+|\s+--(?:input|output|error)=\S+)+|xargs)\s+(?=[^-\s])/;

/** Takes `timeout 5`, `time`, `nice -n 5`, `nohup`, `stdbuf -oL` and bare `xargs` off the front, as often as they stand there. */
export function stripWrappers(command: string): string {
  let rest = command;
  for (let match = wrapper.exec(rest); match !== null; match = wrapper.exec(rest))
    rest = rest.slice(match[0].length);
  return rest;
}

/** The word that names the program, after assignments, holds an expansion, a brace or a pattern. */
function expandsItsProgram(command: string): boolean {
  const word = /^(?:[A-Za-z_]\w*\+?=\S*\s+)*(\S*)/.exec(command)?.[1] ?? '';
  return /[$`*?[]|\{./.test(word);
}

/** An assignment before it changes what runs (`PATH=…`, `LD_PRELOAD=…`), or a keyword. */
function hidesItsProgram(command: string): boolean {
  const word = /^\S*/.exec(command)?.[0] ?? '';
  return /^[A-Za-z_]\w*\+?=/.test(word) || keywords.has(word);
}

/**
 * What a deny rule is held against: the simple commands, and every tail of the line that begins at a word, without quotes
 * and escapes and after any assignments. `echo $(r\m -rf /)`, `FOO=1 'rm' -rf /` and `sh -c "rm -rf /"` all hold `rm -rf /`.
 */
function fragmentsOf(line: string, parts: readonly string[]): string[] {
  const plain = line.replace(/\\\n/g, '').replace(/\\(.)/g, '$1').replace(/["']/g, '');
  const fragments = new Set(parts);
  for (const piece of plain.split(/\|\||&&|[;|&\n`(){}<>]|\$\(/)) {
    const words = piece.trim().split(/\s+/);
    // A line of 64 KiB must not cost its square: beyond this many words only whole pieces are looked at.
    for (let from = 0; from < Math.min(words.length, 200); from += 1) {
      const tail = words.slice(from).join(' ');
      if (tail === '') continue;
      fragments.add(tail);
      const program = words[from] ?? '';
      if (program.includes('/'))
        fragments.add([program.slice(program.lastIndexOf('/') + 1), ...words.slice(from + 1)].join(' '));
    }
  }
  return [...fragments];
}
