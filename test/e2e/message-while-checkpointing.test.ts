import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';
import { occurrences, textOf } from '../support/workspaces.ts';

const here = suite('cancel');

/** Milliseconds between the first sight of `Checkpointing` and the message. */
const delays = [0, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 1000];

describe('a message that arrives while the workspace goes to sleep', () => {
  it('cancels or follows the sleep, and is neither lost nor doubled, at any moment', {
    timeout: 420_000,
  }, async () => {
    const { workspaces, cluster } = here;
    // Several workspaces sweep side by side: each waits most of the time.
    const lanes = 4;
    const sweep = async (lane: number) => {
      const name = `lane${lane}`;
      await workspaces.create(name);
      const mine = delays.filter((_, index) => index % lanes === lane);
      await workspaces.ask(name, 'say: ready', 'default', 180_000);
      for (const delay of mine) {
        await cluster.waitFor(
          workspaces.reference(name),
          'on its way to sleep',
          (object) =>
            ['Checkpointing', 'Suspended'].includes(
              (object as { status?: { phase?: string } } | undefined)?.status?.phase ?? '',
            ),
          120_000,
        );
        await elapsed(delay);
        expect(await workspaces.ask(name, `say: after ${delay} ms`, 'default', 180_000)).toContain(
          `after ${delay} ms`,
        );
      }
      // It would fall asleep before a busy machine has read it.
      await cluster.patch(workspaces.reference(name), { spec: { runPolicy: 'Always' } });
      const transcript = await workspaces.transcript(name);
      const said = transcript.map((line) => `${line.type}: ${textOf(line)}`);
      for (const delay of mine)
        expect(occurrences(transcript, 'user', `say: after ${delay} ms`), said.join('\n')).toBe(1);
    };
    await Promise.all(Array.from({ length: lanes }, (_, lane) => sweep(lane)));
  });
});

/** The swept variable itself, not a wait for something to have happened. */
function elapsed(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
