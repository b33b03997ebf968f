import { Refusal } from '../http/refusal.ts';

/** A request's target, taken apart; nothing in it is decoded, so that the workspace reads what was checked. */
export interface RequestPath {
  /** Between the slashes; the first one is gone. */
  segments: string[];
  /** From `?` on, or empty. */
  query: string;
}

/**
 * Takes only what every reader reads alike: an absolute path without dot segments, encoded slashes, backslashes or control
 * characters. Nothing is normalised: what would have to be is refused.
 *
 * @throws Refusal `invalid`
 */
export function parseRequestPath(target: string | undefined): RequestPath {
  const text = target ?? '';
  if (!text.startsWith('/')) throw invalid('it must be a path, not a URL');
  if (!/^[\x21-\x7e]+$/.test(text)) throw invalid('it holds characters that are to be percent-encoded');
  const question = text.indexOf('?');
  const path = question < 0 ? text : text.slice(0, question);
  if (/[\\#]/.test(text)) throw invalid('it holds "\\" or "#"');
  if (/%(?![0-9a-f]{2})/i.test(path)) throw invalid('it holds a "%" that begins no escape');
  if (/%(2f|5c|[01][0-9a-f]|7f)/i.test(path))
    throw invalid('it holds an encoded slash, backslash or control character');
  const segments = path.slice(1).split('/');
  if (segments.some((each) => /^\.{1,2}$/.test(each.replace(/%2e/gi, '.'))))
    throw invalid('it holds "." or ".."');
  return { segments, query: question < 0 ? '' : text.slice(question) };
}

function invalid(why: string): Refusal {
  return new Refusal('invalid', `The path is refused: ${why}.`);
}
