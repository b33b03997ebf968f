import type * as fs from 'node:fs/promises';

/** Called before each call that changes something on a disk, with what it is. */
export const watching: { before: ((step: string) => void) | undefined } = { before: undefined };

const changing = [
  'mkdir',
  'rename',
  'rm',
  'rmdir',
  'unlink',
  'writeFile',
  'appendFile',
  'truncate',
  'copyFile',
  'link',
  'symlink',
  'chmod',
  'open',
];
const changingHandle = [
  'write',
  'writev',
  'writeFile',
  'appendFile',
  'truncate',
  'sync',
  'datasync',
  'chmod',
  'close',
];

/** `node:fs/promises` as it is, and each change announced to {@link watching}. For `vi.mock`. */
export function observed(module: typeof fs): typeof fs {
  const functions = Object.entries(module).map(([name, value]) => {
    if (typeof value !== 'function' || !changing.includes(name)) return [name, value];
    return [
      name,
      announced(value, (args) => `${name} ${args.filter((arg) => typeof arg === 'string').join(' ')}`),
    ];
  });
  return Object.fromEntries(functions);
}

// biome-ignore lint/suspicious/noExplicitAny: whatever function it is
function announced(original: (...args: any[]) => any, describe: (args: unknown[]) => string) {
  return async (...args: unknown[]) => {
    const step = describe(args);
    watching.before?.(step);
    const result = await original(...args);
    return original.name === 'open' ? observedHandle(result, step) : result;
  };
}

function observedHandle(handle: fs.FileHandle, opened: string): fs.FileHandle {
  return new Proxy(handle, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!changingHandle.includes(String(name))) return value.bind(target);
      return announced(value.bind(target), () => `${String(name)} of ${opened}`);
    },
  });
}
