import { describe, expect, it } from 'vitest';
import { placeOf } from './allowed.ts';

const place = (path: string, type = 'File', linkpath?: string) =>
  placeOf({ path, type, linkpath }, 'out', 'here');

describe('what may be unpacked of an archive', () => {
  it('is the folder that was asked for, under its new name', () => {
    expect(place('out/', 'Directory')).toBe('here');
    expect(place('out/a/b.txt')).toBe('here/a/b.txt');
    expect(place('./out/./a')).toBe('here/a');
  });

  it('is nothing beside it or above it', () => {
    for (const path of ['other', 'out2/x', '/out/x/../../etc', 'out/../x', '../out/x', '..', ''])
      expect(place(path), path).toBeUndefined();
  });

  it('is no device, no pipe, no hard link', () => {
    for (const type of ['CharacterDevice', 'BlockDevice', 'FIFO', 'Link'])
      expect(place('out/x', type, 'out/y'), type).toBeUndefined();
  });

  it('is a link that stays in the folder', () => {
    const link = (path: string, target: string) => place(path, 'SymbolicLink', target) !== undefined;
    expect(link('out/a', 'b/c')).toBe(true);
    expect(link('out/a/b', '../c')).toBe(true);
    expect(link('out/a/b/c', '../../x/y')).toBe(true);
    expect(link('out/a', '../c')).toBe(false);
    expect(link('out/a/b', '../../c')).toBe(false);
    expect(link('out/a', '/etc/passwd')).toBe(false);
    // What was asked for is a link itself: all that it could lead to is outside.
    expect(link('out', 'x')).toBe(false);
    // With out/d → ".", this one would be outside.
    expect(link('out/a', 'd/../../etc')).toBe(false);
    expect(link('out/a', 'd/..')).toBe(false);
    expect(link('out/a', '')).toBe(false);
  });
});
