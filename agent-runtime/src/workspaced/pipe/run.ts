import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { PipeEvent, PipeRequest } from '../../protocol/pipes.ts';
import { Pump } from '../output/pump.ts';
import { type LaunchContext, prepareLaunch } from '../process/launch.ts';
import { Session } from '../process/session.ts';
import { systemErrorCode, ToolFailure } from '../tool-failure.ts';

/** Between TERM and KILL, in ms. */
const graceMs = 2_000;

/**
 * Runs a program with `input` as its standard input and tells `show` what it prints, no faster than `show` resolves. No shell is
 * involved. When `abandoned` is aborted its session is ended and nothing more is shown. Throws {@link ToolFailure} only before the
 * first event.
 */
export async function runPiped(
  request: PipeRequest,
  input: Readable,
  context: LaunchContext,
  show: (event: PipeEvent) => Promise<void>,
  abandoned: AbortSignal,
): Promise<void> {
  if ([request.command, ...request.args].some((word) => word.includes('\0')))
    throw new ToolFailure('invalid', 'the command holds a zero byte');
  const { cwd, env, prefix } = await prepareLaunch(context, request);
  const session = await start({ file: request.command, args: request.args, cwd, env, prefix });
  // The program may end while something is on its way to it.
  session.stdin.on('error', () => input.resume());
  input.pipe(session.stdin);
  await show({ type: 'started' });
  const pumps = (['stdout', 'stderr'] as const).map((stream) => {
    const decoder = new StringDecoder('utf8');
    return new Pump(session[stream], async (chunk) => {
      const text = decoder.write(chunk);
      if (text !== '') await show({ type: 'output', stream, text });
    });
  });
  const end = () => void session.terminate(graceMs);
  abandoned.addEventListener('abort', end);
  if (abandoned.aborted) end();
  try {
    const exit = await session.exited;
    // What it started and left behind was its own.
    await session.terminate(graceMs);
    await Promise.all(pumps.map((pump) => pump.processEnded()));
    if (!abandoned.aborted) await show({ type: 'exit', ...exit });
  } finally {
    abandoned.removeEventListener('abort', end);
    input.unpipe();
    input.resume();
  }
}

async function start(command: Parameters<typeof Session.startPiped>[0]) {
  try {
    return await Session.startPiped(command);
  } catch (error) {
    const code = systemErrorCode(error);
    const why =
      code === 'ENOENT' ? 'there is no such program' : code === 'EACCES' ? 'it may not be run' : code;
    throw new ToolFailure('not_found', `${command.file} cannot be started: ${why}`, { cause: error });
  }
}
