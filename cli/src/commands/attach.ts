import type { RuntimeState } from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { Interrupted } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { style } from '../output/style.ts';
import { attachAtTerminal } from '../session/at-terminal.ts';
import { Attachment } from '../session/attachment.ts';
import { Conversation } from '../session/conversation.ts';
import { followEvents } from '../session/event-source.ts';
import { attachInLines } from '../session/in-lines.ts';
import { type Position, positionFile, readPosition } from '../session/position.ts';
import { readTranscript } from '../session/transcript.ts';
import { PlainView, ScreenView, type View } from '../session/view.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { Screen } from '../terminal/screen.ts';
import { Wakefulness } from '../workspace/wakefulness.ts';
import { timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  session: string;
  timeout: number;
}

/** Entries of the conversation that are shown to who has seen them, or never attached; and of what was missed, at most. */
const recent = 10;
const longestMissed = 200;

export function attachCommand(around: Surroundings): Command {
  const command = new Command('attach')
    .description(
      'Follow a session and talk to it: text as it is written, tool calls and results, questions. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .option('--session <name>', 'the session; made by the first message that names it', 'default')
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      [
        '\nKeys:',
        '  Enter sends; Alt-Enter breaks the line',
        '  Esc stops the turn',
        '  /allow, /deny [why] or /answer TEXT answers the oldest question',
        '  Ctrl-D detaches, and the work goes on; Ctrl-C clears the line, and detaches when pressed twice',
      ].join('\n'),
    );
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, options: Options, self: Command) =>
    withGateway(around, self, (opened, access) => attach(around, opened, access, name, options)),
  );
  return withExamples(command, [
    ['dormouse attach ada', 'talk to it; what was missed since the last time comes first'],
    [
      'echo "what is new?" | dormouse attach ada',
      'without a terminal: each line is a message; prints the replies',
    ],
  ]);
}

async function attach(
  around: Surroundings,
  opened: Opened,
  access: Access,
  name: string,
  { session, timeout }: Options,
): Promise<void> {
  const { clock, terminal, tty, env } = around;
  const { gateway } = opened;
  const { namespace, kube, server } = access;
  const state = await wakeThrough(around, opened, access, name, timeout);
  const ends = new AbortController();
  const signal = AbortSignal.any([around.signal, ends.signal]);
  const workspace = { namespace, name };
  const atTerminal = terminal.in && terminal.out && env.TERM !== 'dumb';
  const screen = new Screen(
    (text) => void tty.output.write(text),
    () => tty.size().columns,
  );
  const view: View = atTerminal
    ? new ScreenView(screen, style(true, env))
    : new PlainView(around, terminal.out);
  const note = (text: string) => view.show({ kind: 'note', text });

  const file = positionFile(env, { server, namespace, workspace: name, session });
  const kept = atTerminal ? await readPosition(around, file) : undefined;
  const from = begin(state, session, kept, atTerminal);
  const conversation = new Conversation({
    session,
    view,
    read: (after) => readTranscript(gateway, workspace, session, after, signal),
    ...from,
  });
  const sleep = new Wakefulness(kube, { ...workspace, clock, signal }, (change) =>
    note(change === 'sleeps' ? `${name} sleeps; a message wakes it` : `${name} ${change}`),
  );
  const events = followEvents({
    gateway,
    path: pathAt(workspace, 'agent/events'),
    cursor: from.cursor,
    clock,
    signal,
    awake: () => sleep.awake(),
    told: (what, why) => note(what === 'lost' ? `not connected: ${why}; trying again` : 'connected again'),
  });
  const attachment = new Attachment({ gateway, workspace, session, clock, signal });
  const shared = { conversation, attachment, events, newKey: () => `attach-${around.random(20)}` };
  try {
    if (!atTerminal) {
      const told = (hindrance: string) => note(`not delivered yet: ${hindrance}`);
      await attachInLines({ ...shared, input: tty.input, told });
      return;
    }
    const position: Position = { uid: state.workspace.uid, cursor: from.cursor, entries: from.entries };
    const keep = () =>
      around.keepFile(file, JSON.stringify({ ...position, entries: conversation.entries })).catch(() => {});
    await attachAtTerminal({
      ...shared,
      tty,
      screen,
      view,
      name: session === 'default' ? name : `${name}/${session}`,
      signal,
      seen: ({ cursor }) => {
        position.cursor = cursor ?? position.cursor;
      },
    }).finally(keep);
    around.err(`detached from ${name}; its work goes on\n`);
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted() : error;
  } finally {
    ends.abort();
  }
}

/** From which event and which entry a session is followed. */
function begin(
  { cursor, sessions, workspace }: RuntimeState,
  session: string,
  kept: Position | undefined,
  past: boolean,
): { cursor: number; entries: number; missedFrom?: number } {
  const all = sessions.find(({ id }) => id === session)?.entries ?? 0;
  if (!past) return { cursor, entries: all };
  const last = Math.max(0, all - recent);
  if (kept === undefined || kept.uid !== workspace.uid || kept.entries > all || kept.cursor > cursor)
    return { cursor, entries: last };
  const missed = kept.entries < all;
  return {
    cursor: kept.cursor,
    entries: Math.max(Math.min(last, kept.entries), all - longestMissed, 0),
    ...(missed && { missedFrom: Math.max(kept.entries, all - longestMissed) }),
  };
}
