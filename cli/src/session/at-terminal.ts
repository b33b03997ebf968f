import { emitKeypressEvents, type Interface } from 'node:readline';
import { type Key, LineEditor } from '../terminal/line-editor.ts';
import type { Screen } from '../terminal/screen.ts';
import type { Tty } from '../terminal/tty.ts';
import type { Attachment } from './attachment.ts';
import type { Conversation } from './conversation.ts';
import type { SeenEvent } from './events.ts';
import type { View } from './view.ts';

export interface TerminalOptions {
  tty: Tty;
  screen: Screen;
  view: View;
  /** Stands before what is typed. */
  name: string;
  conversation: Conversation;
  attachment: Attachment;
  events: AsyncGenerator<SeenEvent>;
  newKey: () => string;
  /** Called after each event that was shown. */
  seen: (event: SeenEvent) => void;
  signal: AbortSignal;
}

/** Milliseconds after which Esc is Esc, and not the beginning of another key. */
const escapeTimeout = 50;
/** Pasted text comes between marks, so that its line breaks are no Enter. */
const paste = { on: '\x1b[?2004h', off: '\x1b[?2004l' };

/** A session at a terminal, until the person leaves or the signal aborts. The terminal is as before then. */
export async function attachAtTerminal(options: TerminalOptions): Promise<void> {
  const { tty, screen, name, conversation, events, seen, signal } = options;
  const editor = new LineEditor();
  const left = Promise.withResolvers<void>();
  const leave = () => left.resolve();
  const draw = () => {
    const state = conversation.status === 'idle' ? '' : ` (${conversation.status})`;
    screen.bottom(editor.row(`${name}${state} › `, tty.size().columns - 1));
  };
  const act = actions(options, leave);
  const typed = (text: string | undefined, key: Key) => {
    const meant = editor.key(text, key);
    if (meant !== undefined) act(meant);
    draw();
  };
  const watch = async () => {
    for await (const event of events) {
      await conversation.take(event.event);
      seen(event);
      draw();
    }
  };
  using _raw = tty.raw();
  tty.output.write(paste.on);
  emitKeypressEvents(tty.input, { escapeCodeTimeout: escapeTimeout } as unknown as Interface);
  tty.input.on('keypress', typed).on('end', leave).resume();
  const resizing = tty.resized(draw);
  signal.addEventListener('abort', leave, { once: true });
  try {
    draw();
    await Promise.race([watch(), left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
    resizing();
    tty.input.off('keypress', typed).off('end', leave).pause();
    screen.end();
    tty.output.write(paste.off);
  }
}

/** What is done about what a person means. Nothing of it is waited for: the terminal goes on. */
function actions({ view, conversation, attachment, newKey, signal }: TerminalOptions, leave: () => void) {
  let cancelled = false;
  const note = (text: string) => view.show({ kind: 'note', text });
  const attempt = (work: Promise<void>) => {
    work.catch((error: Error) => {
      if (!signal.aborted) view.show({ kind: 'error', text: error.message });
    });
  };
  /** Tells what stands in the way of a delivery, each thing once. */
  const hindered = () => {
    let told = '';
    return (hindrance: string) => {
      if (hindrance !== told) note(`not delivered yet: ${hindrance}`);
      told = hindrance;
    };
  };
  const send = async (text: string) => {
    const key = newKey();
    conversation.typed(key, text);
    await attachment.send(key, text, hindered());
  };
  const answer = async (word: 'allow' | 'deny' | 'answer', text: string) => {
    const [question] = conversation.questions;
    if (question === undefined) return note('nothing waits for an answer');
    const parts = question.questions?.length ?? 0;
    const answers = parts > 1 ? text.split('|').map((each) => each.trim()) : [text];
    const fits = answers.length === parts && !answers.includes('');
    if (word !== 'deny' && (word === 'answer') !== parts > 0)
      return note(parts > 0 ? 'it asks something: /answer TEXT' : 'it asks nothing: /allow or /deny [why]');
    if (word === 'answer' && !fits) return note(`it asks ${parts} things: put | between the answers`);
    const given =
      word === 'answer'
        ? ({ decision: 'allow', answers } as const)
        : ({ decision: word, ...(text !== '' && word === 'deny' && { reason: text }) } as const);
    if (!(await attachment.answer(question, given, hindered()))) note('it has been answered already');
  };
  const interrupt = async () => {
    if (!(await attachment.interrupt())) note('there is no turn to stop');
  };
  return (meant: NonNullable<ReturnType<LineEditor['key']>>) => {
    const again = cancelled;
    cancelled = meant.kind === 'cancel';
    if (meant.kind === 'send') {
      const [, word, text = ''] = /^\/(allow|deny|answer)(?:\s+(.*))?$/s.exec(meant.text.trim()) ?? [];
      const answers = word === 'allow' || word === 'deny' || word === 'answer';
      attempt(answers ? answer(word, text) : send(meant.text));
    } else if (meant.kind === 'stop') attempt(interrupt());
    else if (meant.kind === 'leave' || again) leave();
    else note('Ctrl-C again, or Ctrl-D, detaches; Esc stops the turn');
  };
}
