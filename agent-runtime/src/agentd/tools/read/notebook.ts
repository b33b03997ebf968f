import { z } from 'zod';
import type { ContentBlock } from '../../session/entry.ts';
import { imageType } from './kind.ts';

/** Lines of a notebook are a text or a list of texts. */
const lines = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat().join(''));
const output = z.looseObject({
  output_type: z.string(),
  text: lines.optional(),
  data: z.record(z.string(), z.unknown()).optional(),
  ename: z.string().optional(),
  evalue: z.string().optional(),
});
const cell = z.looseObject({
  id: z.string().optional(),
  cell_type: z.string(),
  source: lines,
  outputs: z.array(output).optional(),
});
const notebook = z.looseObject({ cells: z.array(cell).max(10_000) });

/** Bytes of a notebook that can be read or changed. */
export const maxNotebookBytes = 10 * 1024 * 1024;

/** Characters of one output, and images of a notebook, that are shown. */
const shown = { output: 10_000, images: 20, imageBytes: 1_500_000 };

/** A notebook that can be written again: what is not known of it stays as it was. */
export interface Notebook {
  document: { cells: Record<string, unknown>[]; [field: string]: unknown };
  /** What its lines were indented with. */
  indent: string | number;
}

/** Undefined for a text that is no notebook of version 4. */
export function parseNotebook(text: string): Notebook | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!notebook.safeParse(document).success) return undefined;
  return { document: document as Notebook['document'], indent: /\n([ \t]+)"/.exec(text)?.[1] ?? 1 };
}

/** The name of a cell for who wants to change it: its id, or its place where the notebook is older than those. */
export function nameOfCell({ id }: Record<string, unknown>, index: number): string {
  return typeof id === 'string' && id !== '' ? id : `cell-${index}`;
}

/** The cells with what they printed, as blocks for the model. */
export function notebookBlocks({ document }: Notebook): ContentBlock[] {
  const blocks: ContentBlock[] = [];
  const say = (text: string) => {
    const last = blocks.at(-1);
    if (last?.type === 'text') last.text = `${last.text}\n${text}`;
    else blocks.push({ type: 'text', text });
  };
  let images = 0;
  for (const [index, each] of notebook.parse(document).cells.entries()) {
    say(`<cell id="${nameOfCell(each, index)}" type="${each.cell_type}">\n${each.source}\n</cell>`);
    for (const out of each.outputs ?? []) {
      const text = textOf(out);
      if (text !== '') say(`<output>\n${cut(text)}\n</output>`);
      const image = imageOf(out.data ?? {});
      if (image === undefined) continue;
      images += 1;
      if (images <= shown.images) blocks.push(image);
      else say('<output>(an image)</output>');
    }
  }
  if (blocks.length === 0) say('The notebook has no cells.');
  return blocks;
}

function textOf({ text, data, ename, evalue }: z.infer<typeof output>): string {
  if (ename !== undefined) return `${ename}: ${evalue ?? ''}`;
  if (text !== undefined) return text.trimEnd();
  const plain = lines.safeParse(data?.['text/plain']);
  return plain.success && imageOf(data ?? {}) === undefined ? plain.data.trimEnd() : '';
}

function imageOf(data: Record<string, unknown>): ContentBlock | undefined {
  for (const type of ['image/png', 'image/jpeg']) {
    const found = lines.safeParse(data[type]);
    if (!found.success) continue;
    const base64 = found.data.replace(/\s/g, '');
    const really = imageType(Buffer.from(base64.slice(0, 64), 'base64'));
    const fits = base64.length <= (shown.imageBytes * 4) / 3 && /^[A-Za-z0-9+/]+={0,2}$/.test(base64);
    if (really === undefined || !fits) continue;
    return { type: 'image', source: { type: 'base64', media_type: really, data: base64 } };
  }
  return undefined;
}

function cut(text: string): string {
  return text.length > shown.output ? `${text.slice(0, shown.output)}\n[…]` : text;
}
