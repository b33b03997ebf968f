import { CappedFile } from '../output/capped-file.ts';
import { Pump } from '../output/pump.ts';
import { RotatingLog } from '../output/rotating-log.ts';
import { Session, type SessionCommand } from './session.ts';

/** The file that what a process prints ends up in. */
export interface OutputFile {
  readonly path: string;
  append(chunk: Buffer): Promise<void>;
  close(): Promise<void>;
}

/** One whose size somebody asks for, in bytes. */
export interface SizedOutputFile extends OutputFile {
  readonly size: number;
}

/** A session and what it prints. */
export interface Launched {
  readonly session: Session;
  /** To be called when the session has ended: resolves when all that it printed is in the file. */
  drained(): Promise<void>;
}

/** Starts processes that outlive the request which asked for them, and keeps what they print. */
export interface Launcher {
  /** Takes `cap` bytes; what follows is dropped. */
  capped(path: string, cap: number): Promise<SizedOutputFile>;
  /** At `rotateAt` bytes it becomes `path.1`. */
  rotating(path: string, rotateAt: number): OutputFile;
  /** `output` is one that this launcher made. */
  start(command: SessionCommand, output: OutputFile): Promise<Launched>;
  /** A process that was restored, and prints to where it did before. */
  adopt(pid: number, output: OutputFile): Launched;
}

/** With pipes to this process, which writes the file: not a byte is beyond the limit. */
export const pipedLauncher: Launcher = {
  capped: (path, cap) => CappedFile.open(path, cap),
  rotating: (path, rotateAt) => new RotatingLog(path, rotateAt),
  async start(command, output) {
    const session = await Session.start(command);
    const pumps = [session.stdout, session.stderr].map(
      (stream) => new Pump(stream, (chunk) => output.append(chunk)),
    );
    return {
      session,
      drained: async () => {
        await Promise.all(pumps.map((pump) => pump.processEnded()));
      },
    };
  },
  adopt: (pid) => ({ session: Session.adopt(pid), drained: async () => undefined }),
};
