import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseFault } from '../../../../test/support/model-server/fault.ts';
import type { AnswerRecord } from '../../../../test/support/model-server/server.ts';
import { TestWorkspace } from '../testing/workspace.ts';

/** Has a subagent run a command of its own. */
function subagent(turn: number, background: boolean): string {
  const prompt = `run: echo subagent ${turn}\nsay: ${'y'.repeat(300)}`;
  return `tool Agent ${JSON.stringify({ description: 'a part', prompt, run_in_background: background })}`;
}

/** A session of weeks in little: the strict model server refuses the first request that is not valid. */
it('a session of 500 turns with 20 subagents stays valid over compactions, cut streams, outages and restarts', async () => {
  const turns = 500;
  const asked: AnswerRecord[] = [];
  // One of each now and then; each costs the wait before the next try.
  const faults = Array.from({ length: 1_500 }, (_, request) => {
    if (request % 301 === 150) return parseFault('529 retry-after 0');
    if (request % 301 === 250) return parseFault('cut after 4');
    return request % 301 === 299 ? parseFault('error after 2') : undefined;
  });
  const workspace = await TestWorkspace.create(
    { model: { compactAt: 40_000 } },
    { faults, onAnswer: (record) => asked.push(record) },
  );
  try {
    let agent = await workspace.start();
    for (let turn = 0; turn < turns; turn += 1) {
      // Some wait in the queue when the agent ends, and go on in the next one.
      if (turn % 125 === 124) {
        await agent.stop();
        agent = await workspace.start();
      }
      const memory = turn % 100 === 0 ? `remember: number ${turn}\n` : '';
      const work = turn % 5 === 0 ? `run: echo ${turn}\n` : '';
      const help = turn % 25 === 12 ? `${subagent(turn, turn % 50 === 12)}\n` : '';
      await agent.send(`m${turn}`, `${memory}${work}${help}say: ${'x'.repeat(600)}`);
      if (turn % 20 === 19) await agent.stateWhen((state) => state.openMessages === 0, 60_000);
    }
    await agent.send('last', 'recall');
    const numbers = [0, 100, 200, 300, 400].map((turn) => `number ${turn}`);
    expect((await agent.settled('last')).reply?.text).toBe(numbers.join('\n'));
    await agent.stateWhen((state) => !state.busy);
    const entries = await agent.transcript();
    expect(await readdir(join(workspace.state, 'transcripts/main/subagents'))).toHaveLength(turns / 25);
    // The conversation hears of each once: in the result of its call, or later of one in the background.
    const told = entries.flatMap((entry) => entry.toldBackground ?? []);
    expect(told).toHaveLength(turns / 25);
    expect(new Set(told).size).toBe(told.length);
    expect(entries.filter((entry) => entry.compaction !== undefined).length).toBeGreaterThanOrEqual(3);
    expect(new Set(entries.map((entry) => entry.uuid)).size).toBe(entries.length);
    const prompts = entries.flatMap((entry) => entry.messageKey ?? []);
    expect(prompts.filter((key) => !key.endsWith('-ended'))).toHaveLength(turns + 1);
    // A restart may cut one off, which is then not run again.
    const { commands } = workspace.tools;
    expect(new Set(commands).size).toBe(commands.length);
    expect(commands.length).toBeGreaterThanOrEqual(turns / 5 + turns / 25 - 8);
    expect(asked.filter((record) => record.status === 400)).toEqual([]);
    expect(asked.some((record) => record.status === 529)).toBe(true);
  } finally {
    await workspace.close();
  }
}, 120_000);
