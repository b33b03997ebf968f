import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { classLikeDefault } from '../support/classes.ts';
import { ask, keeper, said } from '../support/keeper.ts';
import { suite } from '../support/suite.ts';
import { occurrences, type WorkspaceInput } from '../support/workspaces.ts';

const here = suite('dump-failure');

/** It watches files with inotify, which cannot be dumped. */
const watcher =
  'import ctypes, time; c = ctypes.CDLL(None); c.inotify_add_watch(c.inotify_init1(0), b"/home/agent", 2); time.sleep(10000)';
const watching = `tool Bash ${JSON.stringify({ command: `exec python3 -c '${watcher}'`, run_in_background: true, ignorable: true })}`;
const begin = `${ask(8080, '/keep/heron')}\n${watching}`;
/** Milliseconds for a first start, on a machine that is busy with others. */
const patience = 150_000;
const literal = (className: string): WorkspaceInput => ({
  classRef: { name: className },
  checkpoint: { processes: 'Restore' },
  services: [keeper('memory', 8080)],
});

describe.concurrent('a workspace with a process that cannot be dumped', { timeout: 420_000 }, () => {
  it('stays awake, says why and what to do, and runs on; it sleeps once the process is gone', async () => {
    const { workspaces } = here;
    await workspaces.create('stubborn', literal('literal-resume'));
    const first = said(await workspaces.ask('stubborn', begin, 'default', patience));
    expect(first).toContain('keeps heron');
    expect(await workspaces.condition('stubborn', 'CheckpointVerified', 'False', 'CheckpointFailed')).toMatch(
      /background task \S+ cannot be dumped: it watches files with inotify.*CHOKIDAR_USEPOLLING/,
    );
    expect(said(await workspaces.ask('stubborn', ask(8080)))).toBe(first);
    await workspaces.ask('stubborn', 'run: pkill -f "[i]notify_add_watch"');
    await workspaces.asleep('stubborn', patience);
    expect(said(await workspaces.ask('stubborn', ask(8080)))).toBe(first);
  });

  it('sleeps without its processes after the third attempt, where its class says that sleeping matters more', async () => {
    const { cluster, workspaces } = here;
    const name = `sleeps-anyway-${randomBytes(3).toString('hex')}`;
    await using lenient = await classLikeDefault(cluster, name, (spec) => {
      spec.processImages = { enabled: true, onDumpFailure: 'Restart' };
    });
    await workspaces.create('lenient', literal(lenient.name));
    const first = said(await workspaces.ask('lenient', begin, 'default', patience));
    expect(first).toContain('keeps heron');
    await workspaces.condition('lenient', 'CheckpointVerified', 'False', 'CheckpointFailed');
    // The attempts are 10, 20 and 40 seconds apart.
    await workspaces.asleep('lenient', 160_000);
    expect(said(await workspaces.ask('lenient', ask(8080)))).toContain('keeps nothing');
    await workspaces.processesRestored(
      'lenient',
      'False',
      'DumpFailed',
      /cannot be dumped: it watches files with inotify.*after 3 attempts.*Now: .*service memory/,
    );
    expect(
      occurrences(await workspaces.transcript('lenient'), 'user', 'service memory were started afresh'),
    ).toBe(1);
  });
});
