import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessImage } from '../../protocol/tools-api.ts';
import type { BackgroundTasks } from '../background/tasks.ts';
import { readProcess, readProcessTable } from '../process/table.ts';
import type { Supervisor } from '../services/supervisor.ts';
import type { Terminals } from '../terminal/terminals.ts';

/** The parts of `workspaced` whose processes are dumped and restored. */
export interface Owners {
  services: Supervisor;
  background: BackgroundTasks;
  terminals: Terminals;
}

/** A process that is dumped with all that descends from it. */
export interface Target extends Pick<ProcessImage, 'kind' | 'id' | 'service' | 'terminal'> {
  /** The root. */
  pid: number;
  /** The leaders of the sessions that are wholly its own. */
  sessions: readonly number[];
  alive: () => boolean;
  /** Readies it for a dump; false where it has ended. Rejects with why it cannot be dumped. */
  letGo: () => Promise<boolean>;
  /** Writes what else a later pod needs beside the image. */
  describe: (folder: string) => Promise<Pick<ProcessImage, 'terminal'>>;
  /** Goes on with it where it runs on. */
  takeUp: () => Promise<void>;
  /** Ends it where it cannot be dumped and nothing is lost by that. Answers whether it did. */
  end: (why: string) => Promise<boolean>;
}

/** Milliseconds between HUP and KILL for a shell that waits at its prompt. */
const promptGraceMs = 1_000;
/** What a terminal showed last, beside the files of criu. */
const shownFile = 'shown';

/** Everything that runs: services and tasks, and terminals where they are wanted, last. */
export function targetsOf({ services, background, terminals }: Owners, withTerminals: boolean): Target[] {
  const plain = {
    letGo: async () => true,
    describe: async () => ({}),
    takeUp: async () => undefined,
    end: async () => false,
  };
  const ofSession = (session: { pid: number; members(): unknown[] }) => ({
    ...plain,
    pid: session.pid,
    sessions: [session.pid],
    alive: () => session.members().length > 0,
  });
  return [
    ...services.sessions().map(({ spec, session }) => {
      return { kind: 'service' as const, id: spec.name, service: spec, ...ofSession(session) };
    }),
    ...background
      .sessions()
      .map(({ id, session }) => ({ kind: 'background' as const, id, ...ofSession(session) })),
    ...(withTerminals ? terminalTargets(terminals) : []),
  ];
}

function terminalTargets(terminals: Terminals): Target[] {
  return terminals.entries().map(([id, terminal]) => ({
    kind: 'terminal' as const,
    id,
    pid: terminal.hostPid,
    sessions: [terminal.hostPid, terminal.pid],
    alive: () => readProcess(terminal.hostPid) !== undefined,
    letGo: () => terminal.letGo(terminals.lineOf(id)),
    async describe(folder) {
      const { state, shown } = terminal.record();
      await writeFile(join(folder, shownFile), shown, { mode: 0o600 });
      return { terminal: state };
    },
    takeUp: () => terminal.takeUp(terminals.lineOf(id)),
    async end(why) {
      const { pid, hostPid } = terminal;
      const others = readProcessTable().filter(
        (entry) => entry.session === pid || entry.parent === hostPid || entry.parent === pid,
      );
      if (others.some((entry) => entry.pid !== pid)) return false;
      await terminal.end(promptGraceMs, why);
      return true;
    },
  }));
}

/** Takes up what was restored from `folder`, with `pid` as its root. */
export async function adopt(
  { services, background, terminals }: Owners,
  { kind, id, pid, service, terminal }: ProcessImage,
  folder: string,
): Promise<void> {
  if (service !== undefined) services.adopt(service, pid);
  else if (terminal !== undefined)
    await terminals.adopt(terminal, await readFile(join(folder, shownFile)), pid);
  else if (kind === 'background') await background.adopt(id, pid);
}

/** What a person calls it. */
export function nameOf({ kind, id }: Pick<ProcessImage, 'kind' | 'id'>): string {
  return kind === 'background' ? `background task ${id}` : `${kind} ${id}`;
}
