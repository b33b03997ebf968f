import { PluginError } from './tree.ts';

/** Which band of an answer a line is of. */
const bands = { data: 1, error: 3 };

/**
 * The pack in what a git server answers to `command=fetch` of protocol 2, which is a list of lines with their lengths before them. The pack
 * itself is not looked into. Throws `PluginError`.
 */
export function packOf(answer: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let inPack = false;
  for (const line of linesOf(answer)) {
    if (!inPack) {
      const text = line.toString('utf8').trimEnd();
      if (text.startsWith('ERR ')) throw new PluginError(`the git server says: ${text.slice(4, 1_000)}`);
      inPack = text === 'packfile';
    } else if (line[0] === bands.data) pieces.push(line.subarray(1));
    else if (line[0] === bands.error)
      throw new PluginError(`the git server says: ${line.toString('utf8', 1).trim().slice(0, 1_000)}`);
  }
  if (pieces.length === 0) throw new PluginError('the git server answered without a pack');
  return Buffer.concat(pieces);
}

/** Without those that only divide. */
function* linesOf(answer: Buffer): Generator<Buffer> {
  for (let at = 0; at < answer.length; ) {
    const digits = answer.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
    if (Number.isNaN(length) || length === 3 || at + length > answer.length)
      throw new PluginError('the git server gave an answer that is not of its protocol, version 2');
    if (length > 4) yield answer.subarray(at + 4, at + length);
    at += Math.max(length, 4);
  }
}
