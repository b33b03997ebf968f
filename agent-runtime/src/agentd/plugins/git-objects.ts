import { createHash } from 'node:crypto';
import { PluginError, PluginTree, pluginLimits } from './tree.ts';

interface GitObject {
  type: string;
  content: Buffer;
}

/** The longest first line of an object in the output of `git cat-file --batch`. */
const maxHead = 200;

/**
 * Reads what `git cat-file --batch` printed. An object counts only where its content has the hash that it is called by, so it
 * does not matter who ran git. Throws `PluginError`.
 */
export function readObjects(output: Buffer): Map<string, GitObject> {
  const objects = new Map<string, GitObject>();
  for (let at = 0; at < output.length; ) {
    const end = output.indexOf(10, at);
    const line = end < 0 || end - at > maxHead ? '' : output.toString('latin1', at, end);
    const [, missing] = /^[0-9a-f]+:(.*) missing$/.exec(line) ?? [];
    if (missing !== undefined) throw new PluginError(`the commit has no folder ${missing}`);
    const [, id = '', type = '', size = ''] =
      /^([0-9a-f]{40,64}) (commit|tree|blob) (\d{1,9})$/.exec(line) ?? [];
    if (id === '')
      throw new PluginError(`git printed something else than objects: ${JSON.stringify(line.slice(0, 100))}`);
    const content = output.subarray(end + 1, end + 1 + Number(size));
    if (content.length !== Number(size)) throw new PluginError('what git printed ends too early');
    at = end + 1 + Number(size) + 1;
    const hash = createHash(id.length === 64 ? 'sha256' : 'sha1')
      .update(`${type} ${size}\0`)
      .update(content);
    if (hash.digest('hex') !== id)
      throw new PluginError(`the object ${id} does not have the content that its name says`);
    objects.set(id, { type, content });
  }
  return objects;
}

/** The files below a folder of a commit, each verified by the chain of hashes from the commit on. Throws `PluginError`. */
export function treeOfCommit(
  objects: ReadonlyMap<string, GitObject>,
  commit: string,
  path: string,
): PluginTree {
  const text = objectOf(objects, commit, 'commit').toString('utf8');
  const [, root = ''] = /^tree ([0-9a-f]{40,64})\n/.exec(text) ?? [];
  let folder = objectOf(objects, root, 'tree');
  const idBytes = commit.length / 2;
  for (const step of path.split('/').filter((it) => it !== '' && it !== '.')) {
    const found = entriesOf(folder, idBytes).find((entry) => entry.name === step);
    if (found?.mode !== '40000') throw new PluginError(`the commit has no folder ${path}`);
    folder = objectOf(objects, found.id, 'tree');
  }
  const tree = new PluginTree();
  addFolder(objects, folder, '', idBytes, tree, { folders: 0 });
  return tree;
}

function addFolder(
  objects: ReadonlyMap<string, GitObject>,
  folder: Buffer,
  prefix: string,
  idBytes: number,
  tree: PluginTree,
  seen: { folders: number },
): void {
  // Few objects can name each other so that there is no end of folders, and not one file in them.
  seen.folders += 1;
  if (seen.folders > pluginLimits.files)
    throw new PluginError(`it has more than ${pluginLimits.files} folders`);
  if (prefix.length > pluginLimits.pathChars) throw new PluginError('its folders are nested too deep');
  for (const { mode, name, id } of entriesOf(folder, idBytes)) {
    if (mode === '40000')
      addFolder(objects, objectOf(objects, id, 'tree'), `${prefix}${name}/`, idBytes, tree, seen);
    else if (mode === '100644' || mode === '100755' || mode === '100664')
      tree.add(`${prefix}${name}`, objectOf(objects, id, 'blob'), mode === '100755');
    else
      throw new PluginError(
        `${prefix}${name} is ${mode === '120000' ? 'a symbolic link' : mode === '160000' ? 'a submodule' : `of mode ${mode}`}, which plugins must not have here`,
      );
  }
}

function objectOf(objects: ReadonlyMap<string, GitObject>, id: string, type: string): Buffer {
  const object = objects.get(id);
  if (object?.type !== type) throw new PluginError(`the ${type} ${id || 'of the commit'} is missing`);
  return object.content;
}

/** Entries of a tree: the mode in octal digits, a space, the name, a zero byte, the id. */
function entriesOf(tree: Buffer, idBytes: number): { mode: string; name: string; id: string }[] {
  const entries: { mode: string; name: string; id: string }[] = [];
  for (let at = 0; at < tree.length; ) {
    const space = tree.indexOf(32, at);
    const zero = tree.indexOf(0, space);
    if (space < 0 || zero < 0 || zero + 1 + idBytes > tree.length)
      throw new PluginError('a tree of the commit is broken');
    entries.push({
      mode: tree.toString('latin1', at, space),
      name: tree.toString('utf8', space + 1, zero),
      id: tree.toString('hex', zero + 1, zero + 1 + idBytes),
    });
    at = zero + 1 + idBytes;
  }
  return entries;
}
