import { chmod } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeFrame, type Frame, FrameReader } from '../../protocol/frames.ts';
import { unlinkIfThere } from '../output/retention.ts';
import { ToolFailure } from '../tool-failure.ts';

/** As terminal-host/frame.go has them. */
export const hostFrames = { bytes: 0, resize: 1, started: 2, exit: 3, failed: 4, letGo: 5 } as const;

/** A host that has said who it is. The socket is paused. */
export interface Line {
  socket: Socket;
  reader: FrameReader;
  /** What came with that. */
  early: Frame[];
  /** Of the command. */
  pid: number;
}

/** Waits for the first word of a host. Throws {@link ToolFailure} `invalid` with what kept it from starting, else an error. */
export function firstWord(socket: Socket): Promise<Line> {
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error('its host ended'));
    socket.on('error', () => socket.destroy());
    socket.once('close', lost);
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      socket.off('close', lost);
      // The first frame has a few bytes, and was written as a whole.
      const [first, ...early] = reader.push(chunk);
      if (first?.kind === hostFrames.started)
        resolve({ socket, reader, early, pid: first.payload.readUInt32BE(0) });
      else if (first?.kind === hostFrames.failed)
        reject(new ToolFailure('invalid', first.payload.toString()));
      else reject(new Error('its host said nothing that is understood'));
    });
  });
}

/** Tells a host to let go of its line, and to come back to `path`. Resolves when it has let go, at most `ms` later. */
export async function letGo(socket: Socket, path: string, ms: number): Promise<void> {
  const gone = new Promise<'gone'>((resolve) => socket.once('close', () => resolve('gone')));
  socket.write(encodeFrame(hostFrames.letGo, Buffer.from(path)));
  if ((await Promise.race([gone, delay(ms, undefined, { ref: false })])) !== 'gone')
    throw new Error(
      `its host did not let go within ${ms / 1000} s: it may wait for a program that does not read its input`,
    );
}

/** Awaits a host that comes back to `path`, at most `ms`. Only this user can connect there. */
export async function comesBack(path: string, ms: number): Promise<Line> {
  await unlinkIfThere(path);
  const server = createServer({ pauseOnConnect: false });
  try {
    const connected = new Promise<Socket>((resolve, reject) => {
      server.once('connection', resolve).once('error', reject);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await chmod(path, 0o600);
    const line = connected.then(firstWord);
    const late = delay(ms, undefined, { ref: false }).then(() => {
      throw new Error(`its host did not come back within ${ms / 1000} s`);
    });
    return await Promise.race([line, late]);
  } finally {
    server.close();
  }
}
