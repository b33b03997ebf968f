/** Bytes of a reply that `status` holds; the rest stands in the transcript. */
export const replyLimit = 16_384;

/** The longest beginning of `text` that has at most `limit` bytes in UTF-8, whole characters only. */
export function cutText(text: string, limit: number = replyLimit): { text: string; truncated: boolean } {
  // A UTF-16 unit takes at most three bytes.
  if (text.length * 3 <= limit) return { text, truncated: false };
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return { text, truncated: false };
  let end = limit;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { text: bytes.toString('utf8', 0, end), truncated: true };
}
