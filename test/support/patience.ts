/** Waits of tests are for conditions, so their limit costs nothing: a second, which is usual, is too short where a machine does other things besides. */
import { vi } from 'vitest';

const patienceMs = 10_000;

const { waitFor } = vi;
vi.waitFor = (callback, options) => {
  const given = typeof options === 'number' ? { timeout: options } : options;
  return waitFor(callback, { timeout: patienceMs, ...given });
};
