import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startRealTools } from '../testing/real-tools.ts';
import { expectWhole } from '../testing/whole-transcript.ts';
import { eventually, TestWorkspace } from '../testing/workspace.ts';

let workspace: TestWorkspace;
let endTools: Awaited<ReturnType<typeof startRealTools>>;
afterEach(async () => {
  await workspace.close();
  await endTools();
});

const rounds = 12;
/** In the way of ralph-wiggum: it counts on disk and hands the prompt in again, until it has done so often enough. */
const again = `n=$(cat n 2>/dev/null || echo 0); [ "$n" -lt ${rounds} ] || exit 0
echo $((n + 1)) > n; echo '{"decision":"block","reason":"run: echo worked","systemMessage":"round '$((n + 1))'"}'`;

it('a loop of a Stop hook comes to its end over kill -9 at any moment', { timeout: 90_000 }, async () => {
  workspace = await TestWorkspace.create();
  endTools = await startRealTools(workspace, '/bin/false');
  const hooks = { Stop: [{ hooks: [{ type: 'command', command: again }] }] };
  await workspace.put('.claude/settings.json', JSON.stringify({ hooks }));
  const kept = (entries: { hooks?: { keepsGoing?: boolean } }[]) =>
    entries.filter((entry) => entry.hooks?.keepsGoing === true).length;

  let agent = await workspace.spawn();
  await agent.send('m', 'run: echo begun');
  const kills = 5;
  for (let killed = 0; killed < kills; killed += 1) {
    // Some rounds further than it was, and then at any moment of one.
    await eventually(
      async () => kept(await agent.transcript()),
      (count) => count >= killed * 2,
      20_000,
    );
    const moment = performance.now() + Math.random() * 100;
    await eventually(
      async () => performance.now(),
      (now) => now > moment,
    );
    await agent.stop();
    agent = await workspace.spawn();
  }
  expect((await agent.settled('m', 30_000)).phase).toBe('Completed');
  expect(await readFile(join(workspace.home, 'n'), 'utf8')).toBe(`${rounds}\n`);
  const entries = await agent.transcript();
  // A hook that was cut off after it counted is asked again: such a round is counted, and was none.
  expect(kept(entries)).toBeGreaterThanOrEqual(rounds - kills);
  expect(kept(entries)).toBeLessThanOrEqual(rounds);
  expectWhole(entries);
});
