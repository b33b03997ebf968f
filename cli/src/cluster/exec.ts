import { Readable, Writable } from 'node:stream';
import type { Credentials } from '@dormouse/operator/kube';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { openChannels, podStreamPath } from './channels.ts';

/** The channels of a command, by the first byte of each message; the last one closes another. */
const channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;
/** Characters of what a command writes about its errors that are kept. */
const longestComplaint = 4_096;

/** How a command ended, as the API server says it. */
const execStatus = z.looseObject({
  status: z.string(),
  message: z.string().optional(),
  details: z
    .looseObject({ causes: z.array(z.looseObject({ reason: z.string(), message: z.string() })).optional() })
    .optional(),
});

export interface CommandEnd {
  code: number;
  /** The end of what it wrote to standard error. */
  complaint: string;
}

/** A command that runs in a container. */
export interface Execution {
  stdin: Writable;
  stdout: Readable;
  /** Rejects where it could not be run, or the connection broke before it ended. */
  ended: Promise<CommandEnd>;
  /** Breaks the connection, which ends the command. */
  stop(): void;
}

/**
 * Runs a command in a container of a pod, through the API server.
 * @throws KubeError where it may not be run, or the pod does not exist; the signal's reason
 */
export async function exec(
  credentials: Credentials,
  at: { namespace: string; name: string; container: string },
  command: readonly string[],
  signal: AbortSignal,
): Promise<Execution> {
  const socket = await openChannels(
    credentials,
    {
      what: `exec pods/${at.name}`,
      path: podStreamPath(at, 'exec', {
        container: at.container,
        command,
        stdin: 'true',
        stdout: 'true',
        stderr: 'true',
      }),
      // The first in which the end of standard input can be told.
      protocol: 'v5.channel.k8s.io',
    },
    signal,
  );
  const stop = () => socket.terminate();
  signal.addEventListener('abort', stop, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', stop));
  return executionOn(socket, signal);
}

function executionOn(socket: WebSocket, signal: AbortSignal): Execution {
  const stdout = new Readable({ read: () => socket.isPaused && socket.resume() });
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) =>
      socket.send(Buffer.concat([Buffer.of(channel.stdin), chunk]), done),
    final: (done) => socket.send(Buffer.of(channel.close, channel.stdin), done),
  });
  // It is told by `ended`, to whoever waits for that.
  for (const each of [stdin, stdout]) each.on('error', () => undefined);
  let complaint = '';
  let end: CommandEnd | Error | undefined;
  const { promise: ended, resolve, reject } = Promise.withResolvers<CommandEnd>();
  ended.catch(() => undefined);
  socket.on('message', (message: Buffer) => {
    const content = message.subarray(1);
    if (message[0] === channel.stdout && content.length > 0) {
      if (!stdout.push(content)) socket.pause();
    } else if (message[0] === channel.stderr)
      complaint = (complaint + content.toString()).slice(-longestComplaint);
    else if (message[0] === channel.status) end = endOf(content.toString(), complaint);
  });
  socket.once('close', (code: number) => {
    const how = end ?? new Error(`the connection to the API server was lost (${code})`);
    if (how instanceof Error) {
      const error: unknown = signal.aborted ? signal.reason : how;
      reject(error);
      for (const each of [stdin, stdout]) each.destroy(error as Error);
    } else {
      resolve(how);
      stdout.push(null);
      stdin.destroy();
    }
  });
  return { stdin, stdout, ended, stop: () => socket.terminate() };
}

function endOf(text: string, complaint: string): CommandEnd | Error {
  const { status, message, details } = execStatus.parse(JSON.parse(text));
  if (status === 'Success') return { code: 0, complaint };
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  return code === undefined
    ? new Error(message ?? 'the command could not be run')
    : { code: Number(code), complaint };
}
