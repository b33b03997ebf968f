import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GatewayToken } from './gateway-token.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dormouse-token-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the token for the gateway', () => {
  it('is the one that is in the file now: the kubelet renews it', async () => {
    const path = join(folder, 'token');
    const token = new GatewayToken(path);
    await writeFile(path, 'first\n');
    expect(await token.read()).toBe('first');
    await writeFile(path, 'second');
    expect(await token.read()).toBe('second');
  });

  it('that is not there is told by its path', async () => {
    const path = join(folder, 'token');
    await expect(new GatewayToken(path).read()).rejects.toThrow(path);
    await writeFile(path, '\n');
    await expect(new GatewayToken(path).read()).rejects.toThrow('empty');
  });
});
