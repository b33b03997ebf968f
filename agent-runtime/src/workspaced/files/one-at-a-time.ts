/** The last of the changes under way, by real path. */
const underWay = new Map<string, Promise<unknown>>();

/**
 * Carries out changes of one file one after another. Sessions run side by side in one home: of two edits that each read, change and
 * replace the same file at the same time, the first would be lost although its caller was told that it was made.
 */
export async function oneAtATime<T>(path: string, change: () => Promise<T>): Promise<T> {
  const before = underWay.get(path);
  const mine = (before ? Promise.allSettled([before]) : Promise.resolve()).then(change);
  underWay.set(path, mine);
  try {
    return await mine;
  } finally {
    if (underWay.get(path) === mine) underWay.delete(path);
  }
}
