/**
 * What the agent's runtime costs without a cluster: the programs of the images as processes of this machine, and a scripted
 * model in one of its own. Beside each figure is the least that could be had for it in the same run.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Aim, percentile, rounded } from '../statistics.ts';
import { Conversation, Tools } from './conversation.ts';
import { writeLongTranscript } from './long-transcript.ts';
import { bundle, RuntimeFolder } from './programs.ts';

/** Messages before those that count. */
const warmUp = 20;
/** A command, and what the model says of it: so many turns, as `agent.maxTurns` counts them. */
const turnsOfMessage = 2;
const longTranscriptBytes = 100_000_000;
/** Milliseconds until the memory of a process that has nothing to do is read. */
const settling = 5_000;

export async function runtime({ samples, messages }: { samples: number; messages: number }) {
  await bundle();
  const starts = await coldStarts(samples);
  const { overhead, resident } = await messagesAndMemory(messages);
  const long = await longTranscript();
  return {
    overheadMilliseconds: overhead,
    startMilliseconds: starts,
    residentMegabytes: resident,
    longTranscript: long,
    aims: {
      'a turn beside model and tools, p50 ms': { figure: overhead.turn.p50, most: 5 },
      'a turn beside model and tools, p95 ms': { figure: overhead.turn.p95, most: 20 },
      'cold start of agentd, p50 ms': { figure: starts.agentd.p50, most: 400 },
      'resident MB of an idle agentd': { figure: resident.agentd.afterWork, most: 90 },
      'resident MB of an idle workspaced': { figure: resident.workspaced.afterWork, most: 60 },
      'start on a transcript of 100 MB, ms': { figure: long.startMilliseconds, most: 1_000 },
    } satisfies Record<string, Aim>,
  };
}

function figures(samples: readonly number[]) {
  return { p50: rounded(percentile(samples, 0.5)), p95: rounded(percentile(samples, 0.95)) };
}

/** From the start of a process to its being ready, on an empty volume; beside it Node.js that does nothing. */
async function coldStarts(samples: number) {
  const times = { agentd: [] as number[], workspaced: [] as number[], bareNode: [] as number[] };
  for (let sample = 0; sample < samples; sample += 1) {
    await using folder = await RuntimeFolder.create();
    const workspaced = await folder.workspaced();
    await using _workspaced = workspaced.child;
    const agentd = await folder.agentd();
    await using _agentd = agentd.child;
    times.workspaced.push(workspaced.milliseconds);
    times.agentd.push(agentd.milliseconds);
    const began = performance.now();
    await promisify(execFile)(process.execPath, ['-e', '0']);
    times.bareNode.push(performance.now() - began);
  }
  const { agentd, workspaced, bareNode } = times;
  return { samples, agentd: figures(agentd), workspaced: figures(workspaced), bareNode: figures(bareNode) };
}

/** Messages with one command each: the whole, less what the model says that it took and what the same command takes when asked for directly. */
async function messagesAndMemory(messages: number) {
  await using folder = await RuntimeFolder.create();
  const workspaced = await folder.workspaced();
  await using _workspaced = workspaced.child;
  const agentd = await folder.agentd();
  await using _agentd = agentd.child;
  await pause(settling);
  const fresh = { agentd: agentd.child.residentBytes, workspaced: workspaced.child.residentBytes };
  using conversation = await new Conversation(agentd.port).open();
  using tools = new Tools(folder.socket);
  const times = { whole: [] as number[], model: [] as number[], tool: [] as number[], disk: [] as number[] };
  const runtime: number[] = [];
  let cpu = 0;
  for (let message = -warmUp; message < messages; message += 1) {
    const tool = await tools.exec('true');
    const disk = await syncedWrite(join(folder.state, 'floor'));
    folder.modelTimes.length = 0;
    const whole = await conversation.message(`message${message}`, 'run: true');
    while (folder.modelTimes.length < turnsOfMessage) await pause(1);
    if (message === -1) cpu = agentd.child.cpuSeconds;
    if (message < 0) continue;
    const model = folder.modelTimes.reduce((sum, each) => sum + each, 0);
    times.whole.push(whole);
    times.model.push(model);
    times.tool.push(tool);
    times.disk.push(disk);
    runtime.push(whole - model - tool);
  }
  const processor = ((agentd.child.cpuSeconds - cpu) / messages) * 1000;
  await pause(settling);
  const megabytes = (before: number, after: number) => ({
    started: Math.round(before / 1e6),
    afterWork: Math.round(after / 1e6),
  });
  return {
    overhead: {
      messages,
      message: figures(runtime),
      turn: figures(runtime.map((each) => each / turnsOfMessage)),
      whole: figures(times.whole),
      model: figures(times.model),
      tool: figures(times.tool),
      oneSyncedWrite: figures(times.disk),
      processorOfAgentdPerMessage: rounded(processor),
    },
    resident: {
      agentd: megabytes(fresh.agentd, agentd.child.residentBytes),
      workspaced: megabytes(fresh.workspaced, workspaced.child.residentBytes),
    },
  };
}

/** Milliseconds for one line on disk: a message has to write several of them, one after another. */
async function syncedWrite(path: string): Promise<number> {
  const line = `${'x'.repeat(500)}\n`;
  const began = performance.now();
  const handle = await open(path, 'a');
  await handle.write(line);
  await handle.datasync();
  await handle.close();
  return performance.now() - began;
}

/** A start with a session of 100 MB, and its first turn; beside it reading and hashing that file, which a checkpoint has to be verified by. */
async function longTranscript() {
  await using folder = await RuntimeFolder.create();
  const lines = await writeLongTranscript(folder.state, longTranscriptBytes);
  const path = join(folder.state, 'transcripts/main.jsonl');
  const read = await readAndHash(path);
  const workspaced = await folder.workspaced();
  await using _workspaced = workspaced.child;
  const agentd = await folder.agentd();
  await using _agentd = agentd.child;
  using conversation = await new Conversation(agentd.port).open();
  const first = await conversation.message('first', 'say: here');
  await pause(settling);
  return {
    lines,
    startMilliseconds: Math.round(agentd.milliseconds),
    readAndHashMilliseconds: Math.round(read),
    firstTurnMilliseconds: Math.round(first),
    residentMegabytes: Math.round(agentd.child.residentBytes / 1e6),
  };
}

async function readAndHash(path: string): Promise<number> {
  const began = performance.now();
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), createHash('sha256'));
  return performance.now() - began;
}
