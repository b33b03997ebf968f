/** A file or directory of an archive; its time is always the epoch, so equal contents make equal archives. */
export interface Entry {
  /** Relative, with `/`; at most 100 bytes, which is what the format holds without extensions. */
  path: string;
  mode: number;
  /** User and group. */
  owner: number;
  /** Absent: a directory. */
  content?: Buffer;
}

const block = 512;

/** The head of an entry in the ustar format. */
export function header(path: string, size: number, mode: number, owner: number, type: '0' | '5'): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`the path is too long for an archive: ${path}`);
  const head = Buffer.alloc(block);
  const octal = (value: number, offset: number, width: number) =>
    head.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
  head.write(path, 0);
  octal(mode, 100, 8);
  octal(owner, 108, 8);
  octal(owner, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  head.write('        ', 148, 'latin1'); // the checksum counts itself as spaces
  head.write(type, 156, 'latin1');
  head.write('ustar\x0000', 257, 'latin1');
  octal(
    head.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return head;
}

/** What fills an entry of `size` bytes up to a whole block. */
export const padding = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);

/** Two empty blocks: nothing follows. */
export const end: Buffer = Buffer.alloc(2 * block);

/** A whole archive of `entries`, in order of their paths. */
export function tar(entries: Entry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const parts = sorted.flatMap(({ path, mode, owner, content }) =>
    content === undefined
      ? [header(`${path}/`, 0, mode, owner, '5')]
      : [header(path, content.length, mode, owner, '0'), content, padding(content.length)],
  );
  return Buffer.concat([...parts, end]);
}
