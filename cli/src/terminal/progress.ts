import type { Clock } from '@dormouse/operator/kube';
import { span } from '../output/age.ts';
import { printable } from '../output/printable.ts';
import { oneLine } from '../output/table.ts';

/** What is under way, told while it lasts. */
export interface Progress {
  /** Replaces what was said before. */
  say(text: string): void;
  /** A line that stays. */
  note(text: string): void;
  /** Takes away what is not to stay. */
  end(): void;
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Milliseconds between two frames. */
const tick = 120;
const clearLine = '\r\x1b[2K';

/** One line on a terminal that moves and counts; anywhere else only the notes are written. */
export function progress(around: {
  err(text: string): void;
  terminal: { err: boolean; columns: number };
  clock: Clock;
  env: Record<string, string | undefined>;
}): Progress {
  const { err, terminal, clock, env } = around;
  if (!terminal.err || env.TERM === 'dumb') {
    return { say: () => undefined, note: (text) => err(`${printable(text)}\n`), end: () => undefined };
  }
  const started = clock.monotonic();
  let said = '';
  let frame = 0;
  let cancel: (() => void) | undefined;
  const draw = () => {
    const passed = span(clock.monotonic() - started);
    const line = oneLine(`${frames[frame % frames.length]} ${said} ${passed}`, terminal.columns - 1);
    err(`${clearLine}${line}`);
    frame += 1;
    cancel = clock.schedule(tick, draw);
  };
  const stop = () => {
    cancel?.();
    if (cancel !== undefined) err(clearLine);
    cancel = undefined;
  };
  return {
    say(text) {
      said = text;
      cancel?.();
      draw();
    },
    note(text) {
      const moving = cancel !== undefined;
      stop();
      err(`${printable(text)}\n`);
      if (moving) draw();
    },
    end: stop,
  };
}
