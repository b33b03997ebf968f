/**
 * How many bytes of `buffer` end with a whole character: all of them, or up to three fewer when the last character is cut.
 * Bytes that are not UTF-8 at all count as whole.
 */
export function wholeCharacters(buffer: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, buffer.length); back++) {
    const byte = buffer[buffer.length - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    return byte >= 0b1100_0000 && sequenceLength(byte) > back ? buffer.length - back : buffer.length;
  }
  return buffer.length;
}

function sequenceLength(lead: number): number {
  if (lead >= 0b1111_0000) return 4;
  return lead >= 0b1110_0000 ? 3 : 2;
}

/** Cuts a string after at most `length` UTF-16 units, never within a surrogate pair. */
export function cutAt(text: string, length: number): [head: string, rest: string] {
  if (text.length <= length) return [text, ''];
  const last = text.charCodeAt(length - 1);
  const at = length > 0 && last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
  return [text.slice(0, at), text.slice(at)];
}
