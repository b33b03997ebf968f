import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { expectWhole } from './testing/whole-transcript.ts';
import { eventually, TestWorkspace } from './testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

describe('kill -9 of the agent', () => {
  it('while a tool runs shows the call as interrupted, does not run it again, and goes on', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.spawn();
    await first.send('m1', 'run: echo begun; exec sleep 60\nrun: echo next');
    await workspace.commandBegins();
    await first.stop();
    const second = await workspace.spawn();
    const { reply, phase } = await second.settled('m1');
    expect(phase).toBe('Completed');
    expect(reply?.text).toContain('may or may not have taken effect');
    expect(workspace.tools.commands).toEqual(['echo begun; exec sleep 60', 'echo next']);
    expectWhole(await second.transcript());
  });

  it('that leaves the note that a call begins, and not the answer that asks for it, has the model asked again', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.spawn();
    await first.send('m1', 'run: echo begun; exec sleep 60');
    await workspace.commandBegins();
    await first.stop();
    const log = (name: string) => join(workspace.state, name, 'main.jsonl');
    expect(readFileSync(log('inbox'), 'utf8')).toContain('"type":"tool"');
    const [prompt = '', answer] = readFileSync(log('transcripts'), 'utf8').split('\n');
    expect(answer).toContain('tool_use');
    // A model gives no call the name of another one; the scripted one does, unless it is asked something else.
    writeFileSync(log('transcripts'), `${prompt.replace('sleep 60', 'sleep 0')}\n`);
    const second = await workspace.spawn();
    const { phase, reply } = await second.settled('m1');
    expect({ phase, text: reply?.text }).toEqual({
      phase: 'Completed',
      text: expect.not.stringContaining('may or may not'),
    });
    expect(workspace.tools.commands).toEqual(['echo begun; exec sleep 60', 'echo begun; exec sleep 0']);
    expectWhole(await second.transcript());
  });

  it('while the model speaks leaves nothing of the half answer, and asks again', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.spawn();
    await first.send('m1', 'wait: 1.5');
    await first.until('m1', (record) => record.phase === 'Working');
    await first.stop();
    const second = await workspace.spawn();
    expect((await second.settled('m1')).phase).toBe('Completed');
    expect(await second.transcript()).toHaveLength(2);
  });

  it('at any moment loses and doubles nothing that was acknowledged, and runs no command twice', {
    timeout: 90_000,
  }, async () => {
    workspace = await TestWorkspace.create();
    const acknowledged = new Set<string>();
    let sent = 0;
    for (let round = 0; round < 8; round += 1) {
      const agent = await workspace.spawn();
      const first = sent;
      const sending = (async () => {
        for (; sent < first + 6; sent += 1) {
          const key = `k${sent}`;
          await agent.send(key, `run: echo ${key}\nsay: ${key}`, sent % 2 === 0 ? 'even' : 'odd');
          acknowledged.add(key);
        }
      })();
      // Any moment from the first message to after the last turn of the round.
      const moment = performance.now() + Math.random() * 350;
      const died = sending.catch((error: Error) => expect(error.message).toMatch(/fetch failed|terminated/));
      await eventually(
        async () => performance.now(),
        (now) => now > moment,
      );
      await agent.stop();
      await died;
      sent = first + 6;
    }
    const last = await workspace.spawn();
    await last.stateWhen((state) => state.openMessages === 0 && !state.busy, 30_000);
    // On a busy machine every round may end before a session got its first message.
    const { sessions } = await last.state();
    const transcripts = await Promise.all(sessions.map(({ id }) => last.transcript(id)));
    const keys = transcripts.flat().flatMap((entry) => entry.messageKey ?? []);
    expect(keys).toEqual(expect.arrayContaining([...acknowledged]));
    for (const entries of transcripts) expectWhole(entries);
    for (const key of acknowledged) expect((await last.record(key)).phase).toBe('Completed');
    expect(new Set(workspace.tools.commands).size).toBe(workspace.tools.commands.length);
  });

  it('is not needed: it ends within a second of SIGTERM, in the middle of a turn', async () => {
    workspace = await TestWorkspace.create();
    const first = await workspace.spawn();
    await first.send('m1', 'run: exec sleep 60');
    await workspace.commandBegins();
    const started = performance.now();
    const exited = new Promise<number | null>((resolve) => first.child.once('exit', resolve));
    first.child.kill('SIGTERM');
    expect(await exited).toBe(0);
    expect(performance.now() - started).toBeLessThan(1000);
    const second = await workspace.spawn();
    expect((await second.settled('m1')).reply?.text).toContain('was not run again');
  });
});
