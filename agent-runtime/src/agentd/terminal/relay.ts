import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { encodeBytes, encodeFrame, type Frame, FrameReader } from '../../protocol/frames.ts';
import { exitMessage, resizeMessage } from '../../protocol/terminals.ts';
import { terminalFrames } from '../../protocol/tools-api.ts';

/** WebSocket close codes (RFC 6455, section 7.4, and its registry). */
const closeCodes = { normal: 1000, unsupported: 1003, lost: 1011, slow: 1013 } as const;

/** Bytes before a client, unread, from which on no more is taken for it, and at which more is taken again. */
const backlog = { most: 256 * 1024, least: 64 * 1024 };

/** Milliseconds. */
export interface RelayTimes {
  /** How long a client may read nothing of what is before it. */
  patience: number;
  /** Between two pings; one that was not answered by the next ends the connection. */
  ping: number;
  /** How long a client that is given up may take to agree that it is over. */
  farewell: number;
}
const relayTimes: RelayTimes = { patience: 30_000, ping: 30_000, farewell: 2_000 };

/**
 * Joins a client and a terminal of `workspaced` until one of them ends: frames become messages and the other way round, no
 * faster than each side reads. What comes from either side is checked.
 */
export function relay(client: WebSocket, terminal: Duplex, times: RelayTimes = relayTimes): void {
  const reader = new FrameReader();
  /** Runs while no more is taken for the client. */
  let impatience: NodeJS.Timeout | undefined;
  let farewell: NodeJS.Timeout | undefined;
  let alive = true;
  let over = false;

  const end = (code: number, reason: string) => {
    if (over) return;
    over = true;
    clearTimeout(impatience);
    terminal.destroy();
    client.close(code, reason);
    // Who reads nothing does not read that it is over either. Another one first reads what is before it.
    const patience = code === closeCodes.slow ? times.farewell : times.patience;
    farewell = setTimeout(() => client.terminate(), patience);
  };

  const show = (bytes: Buffer) => {
    client.send(bytes, { binary: true }, () => {
      farewell?.refresh();
      if (impatience === undefined) return;
      impatience.refresh();
      if (client.bufferedAmount > backlog.least) return;
      clearTimeout(impatience);
      impatience = undefined;
      terminal.resume();
    });
    if (client.bufferedAmount <= backlog.most || impatience !== undefined) return;
    terminal.pause();
    impatience = setTimeout(() => end(closeCodes.slow, tooSlow), times.patience);
  };
  const take = ({ kind, payload }: Frame) => {
    if (kind === terminalFrames.bytes) show(payload);
    else if (kind === terminalFrames.behind) end(closeCodes.slow, tooSlow);
    else if (kind === terminalFrames.exit) {
      const message = exitMessage.parse(JSON.parse(payload.toString()));
      client.send(JSON.stringify(message));
      end(closeCodes.normal, message.asleep ? 'The terminal sleeps.' : 'The command has ended.');
    }
  };
  terminal.on('data', (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) if (!over) take(frame);
    } catch {
      end(closeCodes.lost, 'The workspace sent what is not understood.');
    }
  });
  terminal.on('drain', () => client.resume());
  const lost = () => end(closeCodes.lost, 'The terminal was lost. Attach again.');
  terminal.once('close', lost);

  client.on('message', (data, isBinary) => {
    if (over) return;
    const bytes = data as Buffer;
    const frame = isBinary ? encodeBytes(terminalFrames.bytes, bytes) : resizeFrame(bytes);
    if (frame === undefined)
      end(closeCodes.unsupported, 'A text message must be {"type":"resize","columns":…,"rows":…}.');
    else if (!terminal.write(frame)) client.pause();
  });
  client.on('pong', () => {
    alive = true;
  });
  // A client that is held up is not heard either.
  const pings = setInterval(() => {
    if (!alive && !client.isPaused) return client.terminate();
    alive = false;
    client.ping();
  }, times.ping);
  // The library has closed the connection, and says so next.
  client.on('error', () => undefined);
  client.once('close', () => {
    over = true;
    clearInterval(pings);
    clearTimeout(impatience);
    clearTimeout(farewell);
    terminal.destroy();
  });
  // While both sides agreed, nobody listened.
  if (terminal.destroyed) lost();
}

const tooSlow = 'This client reads too slowly. Attach again.';

function resizeFrame(text: Buffer): Buffer | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text.toString());
  } catch {
    // It is no JSON, and so none of the messages.
    return undefined;
  }
  const { data } = resizeMessage.safeParse(value);
  return data && encodeFrame(terminalFrames.resize, Buffer.from(JSON.stringify(data)));
}
