import { markdownOf } from './html.ts';

/** Characters of a page that are kept. */
const mostChars = 100_000;

/** The text of a page for a model. Undefined for what is no text. It runs here because the page is untrusted. */
export function readable(
  body: Buffer,
  contentType: string,
): { text: string; truncated: boolean } | undefined {
  const type = contentType.split(';')[0]?.trim().toLowerCase() ?? '';
  const isHtml = type === 'text/html' || type === 'application/xhtml+xml';
  const isText =
    isHtml || type.startsWith('text/') || /(?:json|xml|javascript|yaml)$/.test(type) || type === '';
  if (!isText || (type === '' && body.subarray(0, 8_192).includes(0))) return undefined;
  const decoded = decode(body, contentType);
  const { text, whole } = isHtml ? markdownOf(decoded) : { text: decoded, whole: true };
  return { text: text.slice(0, mostChars).toWellFormed(), truncated: !whole || text.length > mostChars };
}

function decode(body: Buffer, contentType: string): string {
  const charset = /charset="?([\w.:-]+)/i.exec(contentType)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    // A name that nobody knows.
    return new TextDecoder().decode(body);
  }
}
