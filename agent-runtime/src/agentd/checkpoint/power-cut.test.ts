import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sweep, type WriteBack } from '../testing/power-cut.ts';
import { type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

vi.mock('node:fs/promises', async (original) => {
  const { observed } = await import('../testing/observed-fs.ts');
  return observed(await original());
});

let workspace: TestWorkspace;
afterEach(() => workspace.close());

const writeBacks: [WriteBack][] = [['late'], ['names first']];

async function say(agent: RunningAgent, key: string, text: string): Promise<void> {
  await agent.send(key, text);
  await agent.settled(key);
  await agent.stateWhen((state) => !state.busy && state.tools === 'ready');
}

async function checkpoint(agent: RunningAgent, sequence: number): Promise<void> {
  await agent.call('POST', '/v1/checkpoints', { sequence, trigger: 'Idle', hold: true });
  await agent.stateWhen((it) => it.checkpoint?.sequence === sequence && it.checkpoint.phase === 'Completed');
}

const recalled = async (agent: RunningAgent): Promise<string[]> => {
  await say(agent, 'recalls', 'recall');
  return (await agent.record('recalls')).reply?.text.split('\n') ?? [];
};

describe('whenever the power goes, or the agent is killed', () => {
  it.each(writeBacks)(
    'a checkpoint, and the removal of older ones, leave the last good one (%s)',
    {
      timeout: 240_000,
    },
    async (writeBack) => {
      workspace = await TestWorkspace.create({ checkpoint: { keep: 1 } });
      const { state } = workspace;
      const { cuts } = await sweep(state, writeBack, {
        prepare: async () => {
          const agent = await workspace.start();
          await say(agent, 'm1', 'remember: one');
          await checkpoint(agent, 1);
          await agent.stop();
        },
        run: async (mark) => {
          const agent = await workspace.start();
          await agent.send('m2', 'remember: two');
          mark('accepted');
          await agent.settled('m2');
          await agent.stateWhen(({ busy, tools }) => !busy && tools === 'ready');
          mark('answered');
          await checkpoint(agent, 2);
          mark('checkpointed');
          await agent.stop();
        },
        check: async ({ mark }) => {
          const agent = await workspace.start();
          const { restore, lastSequence } = await agent.state();
          expect(restore.rejected).toEqual([]);
          expect([1, 2]).toContain(restore.sequence);
          if (mark === 'checkpointed') expect(restore).toMatchObject({ sequence: 2, outcome: 'Checkpoint' });
          if (mark !== 'begun') await agent.settled('m2');
          expect(await recalled(agent)).toEqual(
            mark === 'begun' ? expect.arrayContaining(['one']) : ['one', 'two'],
          );
          await checkpoint(agent, lastSequence + 1);
          await agent.stop();
          expect((await readdir(join(state, 'checkpoints'))).every((name) => /^\d{8}$/.test(name))).toBe(
            true,
          );
        },
      });
      expect(cuts).toBeGreaterThan(40);
    },
  );

  it.each(writeBacks)(
    'a fork begins, once, with all that the checkpoint has (%s)',
    {
      timeout: 240_000,
    },
    async (writeBack) => {
      workspace = await TestWorkspace.create();
      const { state, config } = workspace;
      const source = { workspace: config.workspace, sequence: 2 };
      const fork = { ...config, workspace: { namespace: 'team', name: 'fork', uid: 'uid-2' }, source };
      const { cuts } = await sweep(state, writeBack, {
        prepare: async () => {
          const agent = await workspace.start();
          await say(agent, 'm1', 'remember: one');
          await checkpoint(agent, 1);
          await agent.call('DELETE', '/v1/checkpoints/1');
          await say(agent, 'm2', 'remember: two');
          await checkpoint(agent, 2);
          await agent.call('DELETE', '/v1/checkpoints/2');
          await say(agent, 'm3', 'remember: three');
          await agent.stop();
          const open = { type: 'message', key: 'open', session: 'main', text: 'say: no' };
          await appendFile(
            join(state, 'inbox/main.jsonl'),
            `${JSON.stringify({ ...open, receivedAt: new Date().toISOString() })}\n`,
          );
          workspace.config = fork;
        },
        run: async (mark) => {
          const agent = await workspace.start();
          mark('started');
          await agent.stop();
        },
        check: async ({ mark }) => {
          const agent = await workspace.start();
          const { restore, lastSequence, workspace: it } = await agent.state();
          expect(it.uid).toBe('uid-2');
          expect(restore.rejected).toEqual([]);
          expect(lastSequence).toBe(0);
          if (mark === 'started') expect(restore.outcome).toBe('Recovered');
          expect(await recalled(agent)).toEqual(['one', 'two']);
          const entries = (await readFile(join(state, 'transcripts/main.jsonl'), 'utf8')).trim().split('\n');
          expect(entries.filter((line) => line.includes('"forkedWorkspace"'))).toHaveLength(1);
          expect((await agent.record('open')).key).toBeUndefined();
          await agent.stop();
          expect(await readdir(join(state, 'checkpoints'))).toEqual([]);
        },
      });
      expect(cuts).toBeGreaterThan(15);
    },
  );

  it.each(writeBacks)(
    'a rewind goes back once, and nothing is asked or done a second time (%s)',
    {
      timeout: 240_000,
    },
    async (writeBack) => {
      workspace = await TestWorkspace.create();
      const { state } = workspace;
      const rewind = { id: 'rewind-1', sequence: 2 };
      const { cuts } = await sweep(state, writeBack, {
        prepare: async () => {
          const agent = await workspace.start();
          await say(agent, 'm1', 'remember: one');
          await say(agent, 'm2', 'tool ScheduleWakeup {"delaySeconds": 1, "prompt": "remember: twice"}');
          await checkpoint(agent, 2);
          const open = { type: 'message', key: 'open', session: 'main', text: 'say: no' };
          await agent.call('DELETE', '/v1/checkpoints/2');
          await say(agent, 'm3', 'remember: three');
          await agent.stateWhen(({ nextWakeAt, busy }) => nextWakeAt === undefined && !busy);
          await agent.stop();
          await appendFile(
            join(state, 'inbox/main.jsonl'),
            `${JSON.stringify({ ...open, receivedAt: new Date().toISOString() })}\n`,
          );
          await appendFile(join(state, 'inbox/later.jsonl'), '{}\n');
          workspace.config = { ...workspace.config, rewind };
        },
        run: async (mark) => {
          const agent = await workspace.start();
          mark('started');
          await agent.stop();
        },
        check: async ({ mark }) => {
          const agent = await workspace.start();
          const { restore, rewound, lastSequence, openMessages, sessions } = await agent.state();
          expect(rewound).toEqual(rewind);
          expect(restore.rejected).toEqual([]);
          expect(mark === 'started' ? ['Recovered'] : ['Rewound', 'Recovered']).toContain(restore.outcome);
          expect({ lastSequence, openMessages, sessions: sessions.map(({ id }) => id) }).toEqual({
            lastSequence: 2,
            openMessages: 0,
            sessions: ['main'],
          });
          expect(await recalled(agent)).toEqual(['one']);
          const entries = (await readFile(join(state, 'transcripts/main.jsonl'), 'utf8')).trim().split('\n');
          expect(entries.filter((line) => line.includes('"rewound"'))).toHaveLength(1);
          expect((await agent.record('open')).key).toBeUndefined();
          await checkpoint(agent, lastSequence + 1);
          await agent.stop();
        },
      });
      expect(cuts).toBeGreaterThan(15);
    },
  );
});
