import { expect, it } from 'vitest';
import { startRealTools } from '../testing/real-tools.ts';
import { TestWorkspace } from '../testing/workspace.ts';

it('lines of a file are read as the tools read them, confined as they are', async () => {
  const workspace = await TestWorkspace.create();
  const stopTools = await startRealTools(workspace, '/nowhere');
  await workspace.put('notes/a.txt', 'one\ntwo\nthree\n');
  const agent = await workspace.start();
  const read = (query: string) => agent.call('GET', `/v1/files?${query}`);
  const path = `${workspace.home}/notes/a.txt`;
  expect((await read('path=notes/a.txt')).body).toEqual({
    ...{ path, content: 'one\ntwo\nthree\n', totalLines: 3, truncated: false },
  });
  expect((await read('path=notes/a.txt&offset=1&limit=1')).body).toMatchObject({
    ...{ content: 'two\n', truncated: true },
  });
  expect((await read('path=gone')).status).toBe(404);
  expect((await read('path=notes')).status).toBe(400);
  expect((await read('path=/etc/passwd')).status).toBe(400);
  expect((await read('path=a&offset=-1')).status).toBe(400);
  expect((await read('')).status).toBe(400);
  await workspace.close();
  await stopTools();
});
