import { type ExitMessage, terminalProtocol } from '@dormouse/agent-runtime/protocol';
import { type Clock, delay } from '@dormouse/operator/kube';
import { Failure } from '../failure.ts';
import { type Gateway, pathAt } from '../gateway/gateway.ts';
import { isPassing } from '../gateway/passing.ts';
import { GatewayRefusal } from '../gateway/refusal.ts';
import type { Tty } from '../terminal/tty.ts';
import { Escape } from './escape.ts';
import { Joined, type Parting } from './joined.ts';

export interface UseOptions {
  gateway: Gateway;
  workspace: { namespace: string; name: string };
  /** The terminal's id. */
  id: string;
  tty: Tty;
  /** Which of the two sides is a terminal. */
  terminal: { in: boolean; out: boolean };
  clock: Clock;
  signal: AbortSignal;
  /** Told to the person between what the terminal shows. */
  told: (text: string) => void;
}

/** Milliseconds between two tries to join a terminal again. */
const pauses = { first: 250, longest: 5_000 };
/** Ctrl-D ends the input at the beginning of a line only. */
const endOfInput = { atStart: Buffer.from('\x04'), inLine: Buffer.from('\n\x04') };
const newline = 10;
/** What the terminal shows is sent anew to who joins again. */
const clearScreen = '\x1b[H\x1b[2J';
/** Leaves whatever a program that goes on has switched on: the other screen, the mouse, pasting with marks, no cursor. */
const plainScreen =
  '\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m';
const help = '~. detaches, and what runs goes on; ~~ types a ~';

/**
 * Joins a person's terminal and one of a workspace until the command there ends or the person leaves. What breaks the
 * connection meanwhile does not end it: it is joined again. Where both fall asleep with their workspace, that is at the next key.
 *
 * @returns how the command ended; undefined where the person left
 * @throws Failure where the terminal is gone, or where the output is no terminal, which cannot be shown again what it has
 */
export async function useTerminal(options: UseOptions): Promise<ExitMessage | undefined> {
  const { tty, terminal, signal, told } = options;
  const escapes = new Escape();
  const left = new AbortController();
  const ends = AbortSignal.any([signal, left.signal]);
  let joined: Joined | undefined;
  /** Called by the next key, while the workspace sleeps. */
  let wake: (() => void) | undefined;
  let inLine = false;
  const typed = (chunk: Buffer | string) => {
    const bytes = Buffer.from(chunk);
    const { pass, told: said } = terminal.in ? escapes.push(bytes) : { pass: bytes, told: undefined };
    if (said === 'help') told(help);
    if (pass.length > 0) wake?.();
    if (joined !== undefined && pass.length > 0) {
      inLine = pass.at(-1) !== newline;
      tty.input.pause();
      // While nobody is joined, what is typed is of no use; a file waits.
      joined.type(pass).then(() => joined !== undefined && tty.input.resume());
    }
    if (said === 'detach') left.abort();
  };
  const ended = () => void joined?.type(inLine ? endOfInput.inLine : endOfInput.atStart);
  const resized = () => joined?.resize(tty.size());
  using _raw = tty.raw();
  tty.input.on('data', typed).on('end', ended).pause();
  const stopResizing = tty.resized(resized);
  try {
    for await (const next of connections(options, ends)) {
      joined = next;
      resized();
      tty.input.resume();
      if (tty.input.readableEnded) ended();
      const parting = await Promise.race([next.parted, whenAborted(ends)]);
      joined = undefined;
      // A person is heard in between, a file waits.
      if (terminal.in) tty.input.resume();
      else tty.input.pause();
      next.leave();
      if (parting === undefined) break;
      if ('exit' in parting) return parting.exit;
      if ('lost' in parting) lost(options, parting);
      else {
        slept(options, parting);
        const key = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([key, whenAborted(ends)]);
        wake = undefined;
      }
    }
    signal.throwIfAborted();
    return undefined;
  } catch (error) {
    if (left.signal.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    stopResizing();
    tty.input.off('data', typed).off('end', ended).pause();
    if (terminal.out && (left.signal.aborted || signal.aborted)) tty.output.write(plainScreen);
  }
}

/** One connection after another, each when the one before is over. */
async function* connections(options: UseOptions, signal: AbortSignal): AsyncGenerator<Joined> {
  const { gateway, workspace, id, tty, terminal, clock } = options;
  const path = pathAt(workspace, `agent/terminals/${encodeURIComponent(id)}`);
  let before = false;
  for (let pause = pauses.first; ; pause = Math.min(2 * pause, pauses.longest)) {
    try {
      const socket = await gateway.socket(path, terminalProtocol, signal);
      if (before && terminal.out) tty.output.write(clearScreen);
      before = true;
      pause = pauses.first;
      yield new Joined(socket, tty.output);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof GatewayRefusal && error.status === 404 && before)
        throw new Failure('failed', `terminal ${id} has ended: ${error.message.replace(/\.$/, '')}`, [
          'Terminals end when the workspace starts again, and when it sleeps without process images.',
        ]);
      if (!before || !isPassing(error)) throw error;
    }
    await delay(clock, pause, signal);
    signal.throwIfAborted();
  }
}

function lost(
  { terminal, told, id, workspace }: UseOptions,
  { lost: why }: Extract<Parting, { lost: string }>,
) {
  const { name, namespace } = workspace;
  if (terminal.out) return told(`not connected: ${why}; trying again, ~. gives up`);
  throw new Failure('unreachable', `the connection to terminal ${id} was lost: ${why}`, [
    `What runs there goes on. Join it again:  dormouse shell ${name} --attach ${id} --namespace ${namespace}`,
  ]);
}

/** Joining again would wake the workspace, so that is left to the person, or to who called the script. */
function slept(
  { terminal, told, id, workspace }: UseOptions,
  { asleep: why }: Extract<Parting, { asleep: string }>,
) {
  const { name, namespace } = workspace;
  if (terminal.in && terminal.out)
    return told('the workspace sleeps, and this terminal with it; a key wakes both, ~. leaves');
  throw new Failure('unreachable', `terminal ${id} sleeps: ${why}`, [
    `Join it again:  dormouse shell ${name} --attach ${id} --namespace ${namespace}`,
  ]);
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
