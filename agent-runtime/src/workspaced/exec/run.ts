import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecEvent, ExecRequest } from '../../protocol/tools-api.ts';
import { CappedFile } from '../output/capped-file.ts';
import { PreviewedOutput, type PreviewLimits, previewLimits } from '../output/preview.ts';
import { Pump } from '../output/pump.ts';
import { pruneOutputs, type RetentionLimits } from '../output/retention.ts';
import { type Launch, type LaunchContext, prepareLaunch } from '../process/launch.ts';
import { type PipedSession, Session } from '../process/session.ts';
import { ToolFailure } from '../tool-failure.ts';
import { InputFile } from './input-file.ts';
import { DirectoryReport, knownWords, maxCommandBytes, shellArguments } from './shell.ts';

export interface ExecContext extends LaunchContext {
  /** Folder for the whole output of commands that print much. */
  outputs: string;
  limits: ExecLimits;
}

export interface ExecLimits {
  preview: PreviewLimits;
  /** Bytes of one output file. */
  file: number;
  retention: RetentionLimits;
  /** Between TERM and KILL, in ms. */
  graceMs: number;
  /** The same for what a finished command leaves behind: it was not asked to stay. */
  leftoverGraceMs: number;
}

const mebibyte = 1024 * 1024;
export const execLimits: ExecLimits = {
  preview: previewLimits,
  file: 64 * mebibyte,
  retention: { files: 50, bytes: 256 * mebibyte },
  graceMs: 2_000,
  leftoverGraceMs: 500,
};

/**
 * Runs one command with bash in a session of its own and tells `show` what happens, at the pace at which `show` resolves. The
 * command is over when its shell has exited. What it left running in its session is ended then, and the output says so.
 * When `abandoned` is aborted the session is ended and nothing more is shown. Throws {@link ToolFailure} only before the
 * first event.
 */
export async function runCommand(
  request: ExecRequest,
  context: ExecContext,
  show: (event: ExecEvent) => Promise<void>,
  abandoned: AbortSignal,
): Promise<void> {
  if (Buffer.byteLength(request.command) > maxCommandBytes) {
    throw new ToolFailure(
      'too_large',
      'the command is longer than 128 KiB: write it to a file and run the file',
    );
  }
  if (request.command.includes('\0')) throw new ToolFailure('invalid', 'the command holds a zero byte');
  const { limits } = context;
  const launch = await prepareLaunch(context, request);
  await mkdir(context.outputs, { recursive: true });
  await using directory = await DirectoryReport.open(context.outputs);
  await using input =
    request.stdin === undefined ? undefined : await InputFile.holding(request.stdin, context.outputs);
  const session = await startShell(request.command, launch, directory.descriptor, input?.descriptor);

  const output = new PreviewedOutput(
    (piece) => show({ type: 'output', ...piece }),
    () => openOutputFile(context),
    limits.preview,
  );
  const note = (text: string) => output.accept('stderr', Buffer.from(`[${text}]\n`));
  if (launch.missing) {
    await note(`the directory ${launch.missing} does not exist any more: the command runs in ${launch.cwd}`);
  }
  const pumps = (['stdout', 'stderr'] as const).map(
    (stream) => new Pump(session[stream], (chunk) => output.accept(stream, chunk)),
  );

  let timedOut = false;
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= session.terminate(limits.graceMs);
  };
  const timer = setTimeout(() => {
    timedOut = true;
    end();
  }, request.timeoutMs);
  abandoned.addEventListener('abort', end);
  if (abandoned.aborted) end();

  try {
    const exit = await session.exited;
    clearTimeout(timer);
    const leftovers = ending ? [] : session.describeMembers(knownWords);
    if (leftovers.length > 0) ending = session.terminate(limits.leftoverGraceMs);
    await ending;
    await Promise.all(pumps.map((pump) => pump.processEnded()));
    if (abandoned.aborted) return;
    if (leftovers.length > 0) {
      await note(
        `ended what the command left running: ${leftovers.slice(0, 5).join('; ')}. ` +
          'To keep a process running, start it with run_in_background',
      );
    }
    const outputFile = await output.finish();
    await show({
      type: 'exit',
      code: exit.code,
      signal: exit.signal,
      timedOut,
      ...(outputFile ? { outputFile } : {}),
      outputBytes: output.bytes,
      cwd: (await directory.read()) ?? launch.cwd,
    });
  } finally {
    clearTimeout(timer);
    abandoned.removeEventListener('abort', end);
    await output.close();
  }
}

async function startShell(
  command: string,
  launch: Launch,
  extraFile: number,
  inputFile: number | undefined,
): Promise<PipedSession> {
  const { cwd, env, prefix } = launch;
  try {
    const args = shellArguments(command);
    return await Session.start({ file: 'bash', args, cwd, env, prefix, extraFile, inputFile });
  } catch (error) {
    throw new ToolFailure('io', `bash cannot be started in ${cwd}: ${String(error)}`, { cause: error });
  }
}

async function openOutputFile(context: ExecContext): Promise<CappedFile> {
  await pruneOutputs(context.outputs, context.limits.retention);
  return CappedFile.open(join(context.outputs, `${randomUUID()}.log`), context.limits.file);
}
