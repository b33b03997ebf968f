import { expect, test } from 'vitest';
import { preloadsIn, withRemedies } from './remedies.ts';

test('watchers look from time to time, unless the workspace says otherwise', () => {
  expect(withRemedies({ HOME: '/h', WATCHPACK_POLLING: '5000' }, [])).toMatchObject({
    HOME: '/h',
    CHOKIDAR_USEPOLLING: '1',
    WATCHPACK_POLLING: '5000',
  });
});

test('libraries are preloaded before what the workspace preloads, those that the image has', async () => {
  const preloads = await preloadsIn('/opt/criu', async (path) => !path.includes('sysv'));
  expect(preloads).toEqual(['/opt/criu/no-io-uring.so']);
  expect(withRemedies({ LD_PRELOAD: 'own.so' }, preloads).LD_PRELOAD).toBe('/opt/criu/no-io-uring.so:own.so');
  expect(withRemedies({}, [])).not.toHaveProperty('LD_PRELOAD');
});
