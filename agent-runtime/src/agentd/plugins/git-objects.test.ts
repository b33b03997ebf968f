import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readObjects, treeOfCommit } from './git-objects.ts';

interface Made {
  id: string;
  bytes: Buffer;
}

/** One object as `git cat-file --batch` prints it; `as` is the content that is printed in place of its own. */
function object(type: string, content: Buffer | string, as: Buffer | string = content): Made {
  const own = Buffer.from(content);
  const printed = Buffer.from(as);
  const id = createHash('sha1').update(`${type} ${own.length}\0`).update(own).digest('hex');
  return {
    id,
    bytes: Buffer.concat([Buffer.from(`${id} ${type} ${printed.length}\n`), printed, Buffer.from('\n')]),
  };
}
const entry = (mode: string, name: string, { id }: Made) =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
const treeOf = (...entries: Buffer[]) => object('tree', Buffer.concat(entries));
const commitOf = ({ id }: Made) => object('commit', `tree ${id}\n\na commit\n`);
const read = (commit: Made, ...others: Made[]) =>
  treeOfCommit(readObjects(Buffer.concat([commit, ...others].map(({ bytes }) => bytes))), commit.id, '');

describe('the objects of a commit', () => {
  const file = object('blob', 'echo yes\n');
  const top = treeOf(entry('100755', 'run', file));
  const commit = commitOf(top);

  it('are its files', () => {
    expect([...read(commit, top, file).files]).toEqual([
      ['run', { content: Buffer.from('echo yes\n'), executable: true }],
    ]);
  });

  it('count only with the content that they are called by', () => {
    const forged = object('blob', 'echo yes\n', 'echo not\n');
    expect(forged.id).toBe(file.id);
    expect(() => read(commit, top, forged)).toThrow('does not have the content that its name says');
    const other = treeOf(entry('100755', 'run', object('blob', 'echo not\n')));
    const forgedTree = object(
      'tree',
      top.bytes.subarray(top.bytes.indexOf(10) + 1, -1),
      other.bytes.subarray(other.bytes.indexOf(10) + 1, -1),
    );
    expect(() => read(commit, forgedTree, file)).toThrow('does not have the content');
  });

  it('are those that the commit names, not others that are whole, too', () => {
    const another = object('blob', 'echo not\n');
    expect(() => read(commit, top, another)).toThrow(`the blob ${file.id} is missing`);
    expect(() => read(commit, treeOf(entry('100755', 'run', another)), another)).toThrow('the tree');
    expect(() => treeOfCommit(readObjects(top.bytes), top.id, '')).toThrow('the commit');
  });

  it('may be few and name each other without end: folders are counted, too', () => {
    const trees = [treeOf()];
    for (let depth = 0; depth < 30; depth += 1) {
      const below = trees.at(-1) as Made;
      trees.push(treeOf(entry('40000', 'a', below), entry('40000', 'b', below)));
    }
    expect(() => read(commitOf(trees.at(-1) as Made), ...trees)).toThrow('more than 5000 folders');
  });
});
