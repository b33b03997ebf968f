import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ForkError } from '../fork/begin.ts';
import { contentsOf, damages, inflict, makeOutside } from '../testing/hostile.ts';
import { TestWorkspace } from '../testing/workspace.ts';
import { readManifest } from './manifest.ts';

/** What of a volume a hostile one may have otherwise: each file that is read, each that is written, and each folder. */
const paths = [
  'checkpoints/00000002/manifest.json',
  'checkpoints/00000002/events.jsonl',
  'checkpoints/00000002',
  'checkpoints/00000001/manifest.json',
  'checkpoints/000000000003/manifest.json',
  'checkpoints/99999999/manifest.json',
  'checkpoints/.00000003',
  'checkpoints',
  'transcripts/main.jsonl',
  'transcripts/other.jsonl',
  'transcripts',
  'inbox/main.jsonl',
  'inbox/other.jsonl',
  'inbox',
  'background.jsonl',
  'events.jsonl',
  'events.jsonl.tmp',
  'fork.json',
  'fork.json.tmp',
];
const runs = Number(process.env.DORMOUSE_FUZZ_RUNS ?? 60);

let base: string;
let outside: string;
let template: string;

/** The volume of a workspace that did something and slept twice. */
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'dormouse-hostile-'));
  outside = join(base, 'outside');
  template = join(base, 'state');
  await makeOutside(outside);
  const workspace = await TestWorkspace.create();
  const agent = await workspace.start();
  const task = '{"command":"sleep 60","run_in_background":true,"ignorable":true,"restartable":true}';
  await agent.send('m1', `tool Bash ${task}\nsay: hello`);
  await agent.settled('m1');
  await agent.stateWhen((state) => !state.busy);
  for (const sequence of [1, 2]) {
    await agent.call('POST', '/v1/checkpoints', { sequence, trigger: 'Idle', hold: false });
    await agent.stateWhen(
      (it) => it.checkpoint?.sequence === sequence && it.checkpoint.phase === 'Completed',
    );
  }
  await agent.stop();
  await cp(workspace.state, template, { recursive: true });
  await workspace.close();
});
afterAll(() => rm(base, { recursive: true, force: true }));

/** A workspace on a copy of that volume with these damages. */
async function damaged(list: Parameters<typeof inflict>[2][]): Promise<TestWorkspace> {
  const workspace = await TestWorkspace.create();
  await cp(template, workspace.state, { recursive: true });
  for (const each of list) await inflict(workspace.state, outside, each);
  return workspace;
}

async function works(workspace: TestWorkspace): Promise<void> {
  const agent = await workspace.start();
  await agent.stateWhen(({ tools }) => tools === 'ready', 5_000);
  await agent.send('after', 'say: on', 'fresh');
  expect(await agent.settled('after', 5_000)).toMatchObject({ phase: 'Completed' });
  await agent.stateWhen(({ busy }) => !busy, 5_000);
  const { lastSequence } = await agent.state();
  await agent.call('POST', '/v1/checkpoints', { sequence: lastSequence + 1, trigger: 'Idle', hold: true });
  await agent.stateWhen(({ checkpoint }) => checkpoint?.phase === 'Completed', 5_000);
}

describe('a volume on which somebody changed whatever he liked', () => {
  it('keeps no workspace from waking and sleeping, and nothing outside of it is changed', {
    timeout: 180_000,
  }, async () => {
    const before = await contentsOf(outside);
    await fc.assert(
      fc.asyncProperty(damages(paths), async (list) => {
        const workspace = await damaged(list);
        try {
          await works(workspace);
        } finally {
          await workspace.close();
        }
        expect(await contentsOf(outside)).toEqual(before);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('becomes a fork that works, or is refused in words; the origin and the rest stay as they are', {
    timeout: 180_000,
  }, async () => {
    const before = await contentsOf(base);
    const origin = { namespace: 'team', name: 'demo', uid: 'uid-1' };
    await fc.assert(
      fc.asyncProperty(damages(paths), async (list) => {
        const workspace = await damaged(list);
        workspace.config = {
          ...workspace.config,
          workspace: { namespace: 'team', name: 'fork', uid: 'uid-2' },
          source: { workspace: origin, sequence: 2 },
        };
        try {
          await works(workspace);
        } catch (error) {
          if (!(error instanceof ForkError)) throw error;
          expect(error.message).toMatch(
            /^(The volume (is no copy|cannot be made)|.* on the volume is not as)/,
          );
        } finally {
          await workspace.close();
        }
        expect(await contentsOf(base)).toEqual(before);
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  it('has a manifest that names only what is its own, or none', () => {
    const names = fc.oneof(
      fc.string(),
      fc.constantFrom('../x', 'a/../../x', '/x', 'a//x', '.x', 'a/.x', 'ok/it.jsonl'),
    );
    const file = fc.record({
      kind: fc.constantFrom('log', 'file', 'device'),
      path: names,
      length: fc.oneof(fc.maxSafeNat(), fc.double()),
      sha256: fc.oneof(fc.constant('a'.repeat(64)), fc.string()),
      copy: names,
    });
    const document = fc.record({
      version: fc.constantFrom(1, 1, 1, 2, '1'),
      sequence: fc.oneof(fc.constant(1), fc.double()),
      trigger: fc.string(),
      workspace: fc.record({ namespace: fc.string(), name: fc.string(), uid: fc.string() }),
      takenAt: fc.string(),
      cursor: fc.oneof(fc.nat(), fc.double()),
      sessions: fc.nat(),
      services: fc.array(fc.string()),
      background: fc.array(fc.string()),
      files: fc.array(file, { maxLength: 4 }),
    });
    const bytes = fc.oneof(
      document.map((value) => JSON.stringify(value)),
      fc.json(),
      fc.string(),
    );
    fc.assert(
      fc.property(bytes, (text) => {
        const read = readManifest(Buffer.from(text));
        if ('problem' in read) {
          expect(read.problem).toMatch(/^(was cut|is of version|is not of this format)/);
          return;
        }
        for (const { path, ...more } of read.manifest.files) {
          expect(join('/state', path)).toMatch(/^\/state\/[^/.]/);
          if (more.kind === 'file') expect(more.copy).not.toContain('/');
        }
        expect(new Set(read.manifest.files.map(({ path }) => path)).size).toBe(read.manifest.files.length);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a checkpoint that is not ours to use', () => {
  const rejected = async (change: (manifest: Record<string, unknown>) => object) => {
    const workspace = await damaged([]);
    const path = join(workspace.state, 'checkpoints/00000002/manifest.json');
    const document = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify(change(document)));
    try {
      return (await (await workspace.start()).state()).restore.rejected[0]?.reason;
    } finally {
      await workspace.close();
    }
  };

  it('says of which version it is', async () => {
    expect(await rejected((it) => ({ ...it, version: 7 }))).toContain(
      'is of version 7, and this agent reads',
    );
  });

  it('says whose it is', async () => {
    const workspace = { namespace: 'team', name: 'eve', uid: 'x' };
    expect(await rejected((it) => ({ ...it, workspace }))).toBe('it is one of another workspace, team/eve');
  });

  it('says what in it is not as it should be', async () => {
    const files = [{ kind: 'log', path: 'transcripts/../../x', length: 1, sha256: 'a'.repeat(64) }];
    expect(await rejected((it) => ({ ...it, files }))).toContain('not of this format (files.0.path');
  });
});
