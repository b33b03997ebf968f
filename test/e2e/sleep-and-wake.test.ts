import { describe, expect, it } from 'vitest';
import { suite } from '../support/suite.ts';
import { occurrences } from '../support/workspaces.ts';

const here = suite('sleep');

describe('a workspace that sleeps and remembers', () => {
  it('answers a second message, after a sleep, from what only the first one said', async () => {
    const { workspaces } = here;
    await workspaces.create('memory');
    expect(await workspaces.ask('memory', 'remember: the heron nests on the north bank')).toBeTruthy();
    expect(await workspaces.ask('memory', 'write notes/heron.txt: three eggs')).toBeTruthy();

    const slept = await workspaces.asleep('memory');
    const checkpoint = slept.status?.checkpoint;
    expect(checkpoint?.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    const recorded = (await workspaces.checkpoints('memory')).find(
      (each) => each.metadata.name === checkpoint?.name,
    );
    const { digest, sequence } = checkpoint ?? {};
    expect(recorded?.status).toMatchObject({ phase: 'Completed', digest, sequence });

    expect(await workspaces.ask('memory', 'recall')).toContain('the heron nests on the north bank');
    expect(await workspaces.ask('memory', 'run: cat notes/heron.txt')).toContain('three eggs');

    const transcript = await workspaces.transcript('memory');
    expect(occurrences(transcript, 'user', 'remember: the heron nests')).toBe(1);
    expect(occurrences(transcript, 'user', 'run: cat notes/heron.txt')).toBe(1);
    const known = new Set(transcript.map((line) => line.uuid));
    const orphans = transcript.filter((line) => line.parentUuid !== null && !known.has(line.parentUuid));
    expect(orphans).toEqual([]);
    expect(transcript.filter((line) => line.parentUuid === null)).toHaveLength(1);
  });

  it('starts declared services again and keeps named sessions apart', async () => {
    const { workspaces } = here;
    await workspaces.create('service', {
      services: [
        {
          name: 'clock',
          command: ['bash', '-c', 'echo started >> /home/agent/starts; exec sleep infinity'],
          restart: 'Always',
        },
      ],
    });
    await Promise.all([
      workspaces.ask('service', 'remember: red', 'one'),
      workspaces.ask('service', 'remember: blue', 'two'),
    ]);
    await workspaces.asleep('service');
    const [one, two] = await Promise.all([
      workspaces.ask('service', 'recall', 'one'),
      workspaces.ask('service', 'recall', 'two'),
    ]);
    expect(one).toContain('red');
    expect(one).not.toContain('blue');
    expect(two).toContain('blue');
    expect(await workspaces.ask('service', 'run: wc -l < starts')).toMatch(/\b2\b/);
  });

  it('answers messages to a sleeping workspace in the order in which they were created', async () => {
    const { workspaces } = here;
    await workspaces.create('order');
    await workspaces.ask('order', 'say: ready');
    await workspaces.asleep('order');
    const sent: string[] = [];
    for (const word of ['first', 'second', 'third', 'fourth'])
      sent.push(await workspaces.send('order', `remember: ${word}`));
    await Promise.all(sent.map((message) => workspaces.answer(message)));
    const recalled = await workspaces.ask('order', 'recall');
    const places = ['first', 'second', 'third', 'fourth'].map((word) => recalled.indexOf(word));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect([...places].sort((a, b) => a - b)).toEqual(places);
  });

  it('stays asleep under runPolicy Suspended, and a message waits until that changes', async () => {
    const { workspaces, cluster } = here;
    await workspaces.create('held');
    await workspaces.ask('held', 'say: hello');
    await cluster.patch(workspaces.reference('held'), { spec: { runPolicy: 'Suspended' } });
    await workspaces.asleep('held');
    const message = await workspaces.send('held', 'say: awake');
    await cluster.waitFor(
      workspaces.message(message),
      'told why it waits',
      (object) =>
        (object as { status?: { reason?: string } } | undefined)?.status?.reason === 'WorkspaceAsleep',
    );
    expect(await workspaces.pods('held')).toEqual([]);
    await cluster.patch(workspaces.reference('held'), { spec: { runPolicy: 'Auto' } });
    expect(await workspaces.answer(message)).toContain('awake');
  });
});
