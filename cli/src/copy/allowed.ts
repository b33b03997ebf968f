/** What is looked at of an entry of an archive. */
export interface ArchiveEntry {
  type: string;
  path: string;
  linkpath?: string | undefined;
}

/**
 * The path at which an entry of an archive of `root` may be written below `name`; undefined: it may not. Who made the
 * archive is not trusted: nothing may come to lie outside, or lead there.
 */
export function placeOf(
  { type, path, linkpath }: ArchiveEntry,
  root: string,
  name: string,
): string | undefined {
  const [first, ...below] = path.split('/').filter((part) => part !== '' && part !== '.');
  if (first !== root || below.includes('..')) return undefined;
  const kind = kindOf(type);
  if (kind === undefined) return undefined;
  if (kind === 'link' && !staysBelow(linkpath ?? '', below.length - 1)) return undefined;
  return [name, ...below].join('/');
}

function kindOf(type: string): 'file' | 'folder' | 'link' | undefined {
  if (['File', 'OldFile', 'ContiguousFile'].includes(type)) return 'file';
  if (['Directory', 'GNUDumpDir'].includes(type)) return 'folder';
  // Hard links were asked to come as files; the rest are devices and pipes.
  return type === 'SymbolicLink' ? 'link' : undefined;
}

/**
 * Whether the target of a link in a folder so deep stays in the copied folder. Steps up must come first: after the name
 * of something that is a link itself they would lead from where that leads to.
 */
function staysBelow(target: string, depth: number): boolean {
  if (target === '' || target.startsWith('/')) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const down = parts.findIndex((part) => part !== '..');
  const ups = down < 0 ? parts.length : down;
  return ups <= depth && !parts.slice(ups).includes('..');
}
