/** A text in two parts: what stands between `---` lines at its beginning, as data, and the rest. */
export interface Frontmatter {
  fields: Record<string, unknown>;
  body: string;
  /** What is wrong with the first part, and in which line of the file; `fields` is empty then. */
  problem?: { line: number; message: string };
}

/** Fields of one file: more are no description of anything. */
const maxLines = 400;
/** References that YAML may follow: a few lines of it can stand for gigabytes. */
const maxAliasCount = 50;

/**
 * Splits a file of rules, a skill or a command. Fields that are not YAML on their own line, such as `argument-hint: [a] [b]`
 * or `description: Use when: …`, are taken as the text they are, since existing files hold them.
 */
export async function splitFrontmatter(text: string): Promise<Frontmatter> {
  const lines = text.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '---') return { fields: {}, body: text };
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === '---');
  if (end === -1 || end > maxLines) {
    const message = `the frontmatter has no end: put a line with --- after it, within ${maxLines} lines`;
    return { fields: {}, body: text, problem: { line: 1, message } };
  }
  const body = lines.slice(end + 1).join('\n');
  // Loaded when it is first needed: a wake does not wait for it.
  const { parseDocument } = await import('yaml');
  const parse = (source: string) => {
    const document = parseDocument(source, { logLevel: 'silent' });
    const [error] = document.errors;
    // Line 1 of the source is line 2 of the file.
    if (error !== undefined)
      return { line: (error.linePos?.[0].line ?? 1) + 1, message: firstLine(error.message) };
    try {
      return { value: document.toJS({ maxAliasCount }) as unknown };
    } catch (failure) {
      return { line: 2, message: firstLine(String(failure)) };
    }
  };
  const source = lines.slice(1, end);
  const whole = parse(source.join('\n'));
  const parsed =
    'value' in whole
      ? whole
      : parse(source.map((line) => quoted(line, (it) => 'value' in parse(it))).join('\n'));
  if (!('value' in parsed)) return { fields: {}, body, problem: parsed };
  const { value } = parsed;
  if (value === null) return { fields: {}, body };
  if (typeof value !== 'object' || Array.isArray(value)) {
    return {
      fields: {},
      body,
      problem: { line: 2, message: 'the frontmatter must be lines of `name: value`' },
    };
  }
  return { fields: value as Record<string, unknown>, body };
}

/** A line `name: text` whose text is not YAML, with that text as a string. */
function quoted(line: string, isYaml: (line: string) => boolean): string {
  const match = /^([A-Za-z_][\w-]*):[ \t]+(?!["'|>])(\S.*)$/.exec(line);
  if (match === null || isYaml(line)) return line;
  return `${match[1]}: ${JSON.stringify(match[2]?.trimEnd())}`;
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message;
}
