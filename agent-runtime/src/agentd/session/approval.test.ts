import { appendFile, cp, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type Json, type RunningAgent, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
afterEach(() => workspace.close());

/** Has an agent ask for `echo once`, and answers the id of the question. */
async function asked(agent: RunningAgent): Promise<string> {
  await agent.send('m1', 'run: echo once');
  const { approvals } = await agent.stateWhen((state) => state.approvals.length === 1 && !state.busy);
  return approvals[0]?.id ?? '';
}

const decide = (agent: RunningAgent, id: string, body: object) =>
  agent.call('POST', `/v1/approvals/${id}`, body);

const inbox = () => join(workspace.state, 'inbox/main.jsonl');
const transcript = () => join(workspace.state, 'transcripts/main.jsonl');

/** The lengths of a file after each of its lines. */
async function ends(path: string): Promise<number[]> {
  const bytes = await readFile(path);
  return [...bytes.entries()].flatMap(([at, byte]) => (byte === 10 ? [at + 1] : []));
}

function results(entries: Json[]): Json[] {
  return entries
    .flatMap((entry) => entry.message.content)
    .filter((block: Json) => block.type === 'tool_result');
}

describe('an answer', () => {
  it('is the same answer when it comes again under its key, and another one comes too late', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const agent = await workspace.start();
    const id = await asked(agent);
    const [first, other] = await Promise.all([
      decide(agent, id, { decision: 'allow', key: 'a' }),
      decide(agent, id, { decision: 'deny', key: 'b' }),
    ]);
    expect([first.status, other.status]).toEqual([200, 409]);
    await agent.settled('m1');
    expect((await decide(agent, id, { decision: 'allow', key: 'a' })).status).toBe(200);
    expect((await decide(agent, id, { decision: 'allow', key: 'c' })).body.error.code).toBe('conflict');
    expect((await decide(agent, 'never-asked', { decision: 'allow' })).body.error.code).toBe('not_found');
    expect(workspace.tools.commands).toEqual(['echo once']);
  });

  it('to a call whose turn was stopped meanwhile is refused as such', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const agent = await workspace.start();
    const id = await asked(agent);
    await agent.call('POST', '/v1/sessions/main/interrupt');
    await agent.settled('m1');
    expect((await decide(agent, id, { decision: 'allow' })).body.error.code).toBe('expired');
    expect(workspace.tools.commands).toEqual([]);
  });
});

describe('a crash at any step from the question to the end of the turn', () => {
  it('runs the allowed call once, or tells that it was cut off, and never runs it twice', async () => {
    workspace = await TestWorkspace.create({ permissions: { mode: 'default' } });
    const before = await workspace.start();
    const id = await asked(before);
    await before.stop();
    const start = { inbox: (await ends(inbox())).length, transcript: (await ends(transcript())).length };
    const whole = await workspace.start();
    await decide(whole, id, { decision: 'allow', key: 'k' });
    await whole.settled('m1');
    await whole.stop();
    const kept = join(workspace.folder, 'kept');
    await cp(workspace.state, kept, { recursive: true });
    const lengths = { inbox: await ends(inbox()), transcript: await ends(transcript()) };
    expect(lengths.inbox).toHaveLength(start.inbox + 3);
    expect(lengths.transcript).toHaveLength(start.transcript + 2);

    // What reached the disk, in its order: the answer, the start of the call, its result, the reply, the end of the message.
    const steps = [
      { inbox: 0, transcript: 0 },
      { inbox: 1, transcript: 0 },
      { inbox: 2, transcript: 0 },
      { inbox: 2, transcript: 1 },
      { inbox: 2, transcript: 2 },
      { inbox: 3, transcript: 2 },
    ];
    for (const [step, after] of steps.entries()) {
      for (const torn of [false, true]) {
        const at = `step ${step}${torn ? ', in the middle of the next line' : ''}`;
        await rm(workspace.state, { recursive: true });
        await cp(kept, workspace.state, { recursive: true });
        await truncate(inbox(), lengths.inbox[start.inbox + after.inbox - 1]);
        await truncate(transcript(), lengths.transcript[start.transcript + after.transcript - 1]);
        if (torn) for (const path of [inbox(), transcript()]) await appendFile(path, '{"type":"de');
        workspace.tools.commands.length = 0;

        const agent = await workspace.start();
        // Whoever was not told that the answer was taken gives it again.
        const answered = await decide(agent, id, { decision: 'allow', key: 'k' });
        expect(answered.status, at).toBe(200);
        expect((await agent.settled('m1')).phase, at).toBe('Completed');
        expect(workspace.tools.commands, at).toEqual(after.inbox < 2 ? ['echo once'] : []);
        const [result, ...more] = results(await agent.transcript());
        expect(more, at).toEqual([]);
        const cutOff = after.inbox === 2 && after.transcript === 0;
        expect(JSON.stringify(result), at).toContain(cutOff ? 'may or may not have taken effect' : 'once');
        await agent.stop();
      }
    }
  });
});
