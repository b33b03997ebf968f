import { Parser } from 'htmlparser2';

/** How deep elements may lie. Pages that people read are below 100; parsing takes longer the deeper they lie. */
const mostDepth = 1_000;

const skipped: ReadonlySet<string> = new Set([
  ...[
    'script',
    'style',
    'noscript',
    'template',
    'nav',
    'footer',
    'form',
    'iframe',
    'svg',
    'canvas',
    'object',
  ],
]);
/** What begins and ends a line, and with which empty lines around it. */
const blocks: ReadonlyMap<string, number> = new Map([
  ...['div', 'tr', 'li', 'dt', 'dd', 'option', 'header', 'figure', 'figcaption', 'caption'].map(
    (name) => [name, 1] as const,
  ),
  ...['p', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'ul', 'ol', 'dl', 'table', 'pre', 'blockquote'].map(
    (name) => [name, 2] as const,
  ),
  ...['section', 'article', 'main', 'title', 'hr'].map((name) => [name, 2] as const),
]);

/** Markdown, or nearly, of a page: headings, lists, links, code. It stops where the page is made to be hard to read. */
export function markdownOf(html: string): { text: string; whole: boolean } {
  const page = new Page();
  const parser = new Parser(
    {
      onopentag: (name, { href }) => page.open(name, href),
      ontext: (text) => page.text(text),
      onclosetag: (name) => page.close(name),
    },
    { decodeEntities: true },
  );
  try {
    parser.write(html);
    parser.end();
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
    return { text: page.finish(), whole: false };
  }
  return { text: page.finish(), whole: true };
}

class TooDeep extends Error {}

/** The text so far. */
class Page {
  readonly #out: string[] = [];
  #depth = 0;
  /** Elements that are skipped, and code blocks, around where we are. */
  #skipping = 0;
  #code = 0;
  /** Line ends to come before the next text. */
  #lines = 0;
  /** A space to come before the next text. */
  #space = false;
  /** Where each open link leads, and where its text begins. */
  readonly #links: { href: string | undefined; from: number }[] = [];

  open(name: string, href: string | undefined): void {
    this.#depth += 1;
    if (this.#depth > mostDepth) throw new TooDeep();
    if (skipped.has(name)) this.#skipping += 1;
    if (this.#skipping > 0) return;
    this.#break(blocks.get(name) ?? 0);
    if (/^h[1-6]$/.test(name)) this.#mark(`${'#'.repeat(Number(name[1]))} `);
    if (name === 'li') this.#mark('- ');
    if (name === 'br') this.#break(1);
    if (name === 'td' || name === 'th') this.#mark('| ');
    if (name === 'pre') {
      this.#mark('```\n');
      this.#code += 1;
    }
    if (name === 'a') this.#links.push({ href, from: this.#out.length });
  }

  text(text: string): void {
    if (this.#skipping > 0) return;
    if (this.#code > 0) {
      this.#add(text);
      return;
    }
    const words = text.replace(/\s+/g, ' ');
    if (words.startsWith(' ')) this.#space = true;
    const said = words.trim();
    if (said === '') return;
    this.#add(said);
    this.#space = words.endsWith(' ');
  }

  close(name: string): void {
    this.#depth -= 1;
    if (skipped.has(name)) this.#skipping -= 1;
    if (this.#skipping > 0) return;
    if (name === 'pre' && this.#code > 0) {
      this.#code -= 1;
      this.#out.push('\n```');
    }
    if (name === 'a') this.#closeLink();
    if (name === 'td' || name === 'th') this.#space = true;
    this.#break(blocks.get(name) ?? 0);
  }

  finish(): string {
    return this.#out
      .join('')
      .replace(/[ \t]+\n/g, '\n')
      .trim();
  }

  #closeLink(): void {
    const link = this.#links.pop();
    const { href, from } = link ?? { href: undefined, from: 0 };
    const empty = this.#out.length === from;
    if (
      href === undefined ||
      empty ||
      href.length > 2_000 ||
      !/^(?:https?:|\/|\.|[\w-]+(?:[/.?]|$))/i.test(href)
    )
      return;
    this.#out[from] = (this.#out[from] ?? '').replace(/^\s*/, (gap) => `${gap}[`);
    this.#out.push(`](${href})`);
  }

  #break(lines: number): void {
    this.#lines = Math.max(this.#lines, lines);
    if (lines > 0) this.#space = false;
  }

  /** What stands before text, with what is due before it. */
  #mark(mark: string): void {
    this.#add(mark.trimEnd() === mark ? mark : mark.replace(/ $/, ''));
    this.#space = mark.endsWith(' ');
  }

  #add(text: string): void {
    const gap = this.#lines > 0 ? '\n'.repeat(this.#lines) : this.#space ? ' ' : '';
    this.#out.push((this.#out.length === 0 ? '' : gap) + text);
    this.#lines = 0;
    this.#space = false;
  }
}
