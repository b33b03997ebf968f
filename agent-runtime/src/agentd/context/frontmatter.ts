/** A text in two parts: what stands between `---` lines at its beginning, as data, and the rest. */
export interface Frontmatter {
  fields: Readonly<Record<string, unknown>>;
  body: string;
  /** What is wrong with the first part, and in which line of the file; `fields` is empty then. */
  problem?: { line: number; message: string };
}

/** Fields of one file: more are no description of anything. */
const maxLines = 400;
/** References that YAML may follow: a few lines of it can stand for gigabytes. */
const maxAliasCount = 50;

/** What stands in a block of YAML, or what is wrong with it and in which line of the file. */
type Parsed = { value: unknown } | { line: number; message: string };

/**
 * Blocks that were parsed, by their text: the files of a home are read anew for each message, and are the same most times. Of 50 skills it
 * takes off 5 of 22 ms (2026-11). At most so many, each of at most so many characters.
 */
const parsed = new Map<string, Parsed>();
const mostParsed = 500;
const mostParsedChars = 2_000;

/**
 * Splits a file of rules, a skill or a command. Fields that are not YAML on their own line, such as `argument-hint: [a] [b]`
 * or `description: Use when: …`, are taken as the text they are, since existing files hold them.
 */
export async function splitFrontmatter(content: string): Promise<Frontmatter> {
  const lines = content.split(/\r?\n/);
  if (lines[0]?.trimEnd() !== '---') return { fields: {}, body: content };
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === '---');
  if (end === -1 || end > maxLines) {
    const message = `the frontmatter has no end: put a line with --- after it, within ${maxLines} lines`;
    return { fields: {}, body: content, problem: { line: 1, message } };
  }
  const body = lines.slice(end + 1).join('\n');
  const fields = await parseOnce(lines.slice(1, end).join('\n'));
  if (!('value' in fields)) return { fields: {}, body, problem: fields };
  const { value } = fields;
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

async function parseOnce(text: string): Promise<Parsed> {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const found = await parse(text);
  if (text.length > mostParsedChars) return found;
  if (parsed.size >= mostParsed) parsed.clear();
  parsed.set(text, found);
  return found;
}

async function parse(text: string): Promise<Parsed> {
  // Loaded when it is first needed: a wake does not wait for it.
  const { parseDocument } = await import('yaml');
  const attempt = (source: string): Parsed => {
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
  const whole = attempt(text);
  if ('value' in whole) return whole;
  const lines = text.split('\n');
  return attempt(lines.map((line) => quoted(line, (it) => 'value' in attempt(it))).join('\n'));
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
