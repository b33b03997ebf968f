import { execFileSync } from 'node:child_process';
import { truncateSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MessagesModel, type Model } from '../model/model-client.ts';
import { eventually, TestWorkspace } from '../testing/workspace.ts';
import { AppendLog } from './append-log.ts';
import { StorageHealth } from './health.ts';

let workspace: TestWorkspace;
let filler: string;

beforeEach(async () => {
  workspace = await TestWorkspace.create();
  // A real file system that really is full: needs root, as the whole suite does.
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', workspace.state]);
  filler = join(workspace.state, 'filler');
});
afterEach(async () => {
  await Promise.all((await readdir(workspace.state)).includes('filler') ? [rm(filler)] : []);
  execFileSync('/bin/umount', ['-l', workspace.state]);
  await workspace.close();
});

async function fill(): Promise<void> {
  await writeFile(filler, Buffer.alloc(2 * 1024 * 1024)).catch((error: NodeJS.ErrnoException) => {
    expect(error.code).toBe('ENOSPC');
  });
}

describe('a full volume', () => {
  it('refuses messages with 507, acknowledges nothing, and takes them again when there is space', async () => {
    const first = await workspace.start();
    await first.send('before', 'remember: before');
    await first.settled('before');
    await fill();
    const text = `say: ${'x'.repeat(20_000)}`;
    await expect(first.send('during', text)).rejects.toMatchObject({ status: 507 });
    expect((await first.state()).storageProblem?.message).toContain('is full');
    expect((await first.call('GET', '/v1/messages/during')).status).toBe(404);
    await rm(filler);
    // Nobody has to write for the problem to clear.
    await first.stateWhen((state) => state.storageProblem === undefined);
    await first.send('during', text);
    await first.settled('during');
    await first.stop();
    const second = await workspace.start();
    await second.send('after', 'recall');
    expect((await second.settled('after')).reply?.text).toBe('before');
    const keys = (await second.transcript()).flatMap((entry) => entry.messageKey ?? []);
    expect(keys).toEqual(['before', 'during', 'after']);
  });

  it('makes a turn wait with what the model said, and nothing is lost or doubled when it goes on', async () => {
    const agent = await workspace.start();
    // More than what is left of the pages that the files have.
    const command = `head -c 20000 /dev/zero | tr '\\0' x`;
    await agent.send('m1', `wait: 0.5\nrun: ${command}\nsay: done`);
    await fill();
    await agent.stateWhen((state) => state.storageProblem !== undefined);
    truncateSync(filler, 0);
    expect(await agent.settled('m1')).toMatchObject({ phase: 'Completed' });
    expect(workspace.tools.commands).toEqual([command]);
    const entries = await agent.transcript();
    expect(new Set(entries.map((entry) => entry.uuid)).size).toBe(entries.length);
    expect(entries.map((entry) => entry.message.role)).toEqual(['user', 'assistant', 'user', 'assistant']);
  });

  it('keeps no answer to a result that never reached the disk', async () => {
    const real = new MessagesModel(() => workspace.model.url, { read: async () => workspace.credential });
    const answered = vi.fn<Model['stream']>((...request) => real.stream(...request));
    const first = await workspace.start({ stream: answered });
    const command = `head -c 20000 /dev/zero | tr '\\0' x`;
    await first.send('m1', `wait: 0.5\nrun: ${command}\nsay: done`);
    await fill();
    await first.stateWhen((state) => state.storageProblem !== undefined);
    // It is asked on while the result waits for space.
    await vi.waitFor(
      () => expect(answered.mock.settledResults).toMatchObject([{}, { type: 'fulfilled' }]),
      10_000,
    );
    await first.stop();
    await rm(filler);
    const second = await workspace.start();
    expect(await second.settled('m1')).toMatchObject({ phase: 'Completed' });
    expect(workspace.tools.commands).toEqual([command]);
    const entries = await second.transcript();
    expect(entries.map((entry) => entry.message.role)).toEqual(['user', 'assistant', 'user', 'assistant']);
    expect(JSON.stringify(entries[2]?.message.content)).toContain('the workspace restarted');
  });

  it('leaves nothing of lines that were refused, also those that had fitted', async () => {
    const path = join(workspace.state, 'a.jsonl');
    const health = new StorageHealth(workspace.state);
    const log = new AppendLog(path, health);
    await log.append({ n: 1 });
    await fill();
    await expect(log.append({ n: 2 }, { n: 3, text: 'x'.repeat(20_000) })).rejects.toThrow('is full');
    expect(await readFile(path, 'utf8')).toBe('{"n":1}\n');
    truncateSync(filler, 0);
    await log.append({ n: 4 });
    expect(await readFile(path, 'utf8')).toBe('{"n":1}\n{"n":4}\n');
    health.close();
  });

  it('fails a checkpoint, which leaves the one before and turns that go on', async () => {
    const agent = await workspace.start();
    await agent.send('m1', 'say: hi');
    await agent.settled('m1');
    await agent.stateWhen((state) => state.tools === 'ready' && !state.busy);
    const take = async (sequence: number) => {
      await agent.call('POST', '/v1/checkpoints', { sequence, trigger: 'Idle', hold: sequence > 1 });
      return agent.stateWhen(
        ({ checkpoint }) => checkpoint?.sequence === sequence && checkpoint.phase !== 'InProgress',
      );
    };
    expect((await take(1)).checkpoint?.phase).toBe('Completed');
    await fill();
    expect((await take(2)).checkpoint).toMatchObject({ phase: 'Failed', reason: 'Storage' });
    // The failure is said before the processes go on: on a full volume what they are told may have to wait for space.
    await eventually(
      async () => workspace.tools.stopping,
      (stopping) => !stopping,
    );
    truncateSync(filler, 0);
    await agent.stateWhen((state) => state.storageProblem === undefined);
    expect(await readdir(join(workspace.state, 'checkpoints'))).toEqual(['00000001']);
    await agent.send('m2', 'say: on');
    expect((await agent.settled('m2')).phase).toBe('Completed');
    expect((await take(3)).checkpoint?.phase).toBe('Completed');
  });
});
