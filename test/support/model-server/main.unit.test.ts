import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('./main.ts', import.meta.url));
const run = promisify(execFile);

it('explains itself, the instructions included', async () => {
  const { stdout } = await run(process.execPath, [program, '--help']);
  for (const word of ['--port', '--fault', 'MODEL_SERVER_API_KEY', 'recall', 'wait: SECONDS']) {
    expect(stdout).toContain(word);
  }
});

it('names the option that it cannot take', async () => {
  const failure = run(process.execPath, [program, '--fault', 'weather']);
  await expect(failure).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('"weather"') });
});

it('serves with the key of its environment until it is told to end', async () => {
  const child = spawn(process.execPath, [program, '--port', '0'], {
    env: { ...process.env, MODEL_SERVER_API_KEY: 'right' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { port } = JSON.parse(line);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/messages`, { method: 'POST' });
  expect(answer.status).toBe(401);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
