import type { ServerResponse } from 'node:http';
import type { RuntimeEvent } from '../../protocol/events.ts';
import type { Deltas } from '../events/deltas.ts';
import type { EventLog, LoggedEvent } from '../events/event-log.ts';
import type { StateBoard } from '../state/state-board.ts';

/** Milliseconds between comments, so that both ends see a connection die. */
const heartbeatMs = 5_000;
/** A client that lets this many bytes pile up is dropped; its cursor lets it come back. */
const maxBuffered = 8 * 1024 * 1024;

export interface EventSources {
  log: EventLog;
  board: StateBoard;
  deltas: Deltas;
}

/**
 * Streams events as server-sent events: the state first, then what came after the cursor, then what comes. Without a cursor
 * it begins now.
 */
export function streamEvents(
  response: ServerResponse,
  after: number | undefined,
  { log, board, deltas }: EventSources,
): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  const write = (text: string) => {
    if (response.destroyed) return;
    response.write(text);
    if (response.writableLength > maxBuffered) response.destroy();
  };
  const send = (event: RuntimeEvent, cursor?: number) => write(frame(event, cursor));
  const sendLogged = ({ event, cursor }: LoggedEvent) => send(event, cursor);

  // One pass without a pause: nothing can be emitted between reading the log and listening to it.
  send({ type: 'state', data: board.current() });
  const missed = after === undefined ? [] : log.after(after);
  if (missed === undefined) send({ type: 'reset', data: { cursor: log.cursor } });
  else missed.forEach(sendLogged);
  const leave = [
    log.subscribe(sendLogged),
    board.subscribe((state) => send({ type: 'state', data: state })),
    deltas.subscribe((session, text) => send({ type: 'delta', data: { session, text } })),
  ];
  const heartbeat = setInterval(() => write(':\n\n'), heartbeatMs);
  response.on('close', () => {
    clearInterval(heartbeat);
    for (const stop of leave) stop();
  });
}

function frame(event: RuntimeEvent, cursor?: number): string {
  const id = cursor === undefined ? '' : `id: ${cursor}\n`;
  return `${id}event: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
}
