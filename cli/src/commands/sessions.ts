import {
  type SessionDetail,
  type SessionRewound,
  sessionDetail,
  sessionRewound,
} from '@dormouse/agent-runtime/protocol';
import { Command } from 'commander';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { age } from '../output/age.ts';
import { data } from '../output/format.ts';
import { type Column, table } from '../output/table.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { formatOption, timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  title?: string;
  rewind?: string;
  files?: boolean;
  timeout: number;
  output?: 'json' | 'yaml' | 'wide';
}

export function sessionsCommand(around: Surroundings): Command {
  const command = new Command('sessions')
    .description(
      'List the sessions of a workspace; with a session and an option, name it or take messages back. Wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .argument('[session]', 'the session')
    .option('--title <text>', 'call it so')
    .option(
      '--rewind <message>',
      'take back this message and what followed: the conversation goes on from before it',
    )
    .option('--files', 'with --rewind: undo what tools changed in files since; what commands did stays')
    .addOption(timeoutOption())
    .addOption(formatOption(['json', 'yaml', 'wide']));
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, session: string | undefined, options: Options, self: Command) => {
    mustFit(session, options);
    return withGateway(around, self, async (opened, access) => {
      await wakeThrough(around, opened, access, name, options.timeout);
      const change = changeOf(session, options);
      if (session === undefined || change === undefined) await list(around, opened, access, name, options);
      else await alter(around, opened, access, { name, session }, change);
    });
  });
  return withExamples(command, [
    ['dormouse sessions ada', 'what there is, and how full each context is'],
    ['dormouse sessions ada default --title "the release"', 'name one'],
    ['dormouse messages ada', 'the messages, to take one back'],
    ['dormouse sessions ada default --rewind ada-x7k2p', 'as if it and what followed had not been said'],
    ['dormouse sessions ada default --rewind ada-x7k2p --files', 'and files as they were before it'],
  ]);
}

/** What is asked of one session. */
interface Change {
  method: 'PATCH' | 'POST';
  path: string;
  body: object;
  done: (session: SessionRewound) => string;
}

/** @throws Failure `usage` */
function mustFit(session: string | undefined, { title, rewind, files, output }: Options): void {
  const changes = [title, rewind].filter((each) => each !== undefined).length;
  if (files === true && rewind === undefined) throw new Failure('usage', '--files goes with --rewind');
  if (changes > 1) throw new Failure('usage', 'one change at a time: --title or --rewind');
  if (changes > 0 && session === undefined) throw new Failure('usage', 'which session? Its name is missing');
  if (changes > 0 && output !== undefined)
    throw new Failure('usage', 'a change has no output to format: -o is for the list');
  if (changes === 0 && session !== undefined)
    throw new Failure('usage', 'what shall become of the session? --title or --rewind is missing');
}

function changeOf(
  session: string | undefined,
  { title, rewind, files = false }: Options,
): Change | undefined {
  if (title !== undefined)
    return {
      method: 'PATCH',
      path: '',
      body: { title },
      done: () => `session ${session} is called "${title}"`,
    };
  if (rewind !== undefined) {
    return {
      method: 'POST',
      path: '/rewind',
      body: { message: rewind, files },
      done: (changed) =>
        [`session ${session} goes on from before message ${rewind}`, ...filesText(changed)].join('\n'),
    };
  }
  return undefined;
}

/** What became of files, a line each. */
function filesText({ files }: SessionRewound): string[] {
  if (files === undefined) return [];
  const lines = [
    ...files.restored.map((path) => `put back: ${path}`),
    ...files.removed.map((path) => `removed: ${path}`),
    ...files.left.map(({ path, reason }) => `left as it is: ${path}: ${reason}`),
  ];
  return lines.length === 0 ? ['no tool has changed a file since'] : lines;
}

async function alter(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  { name, session }: { name: string; session: string },
  { method, path, body, done }: Change,
): Promise<void> {
  const whole = pathAt({ namespace, name }, `agent/sessions/${encodeURIComponent(session)}${path}`);
  const changed = await gateway.json(sessionRewound, whole, { method, body, signal: around.signal });
  around.out(`${done(changed)}\n`);
}

async function list(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  { output }: Options,
): Promise<void> {
  const path = pathAt({ namespace, name }, 'agent/sessions');
  const sessions = await gateway.json(z.array(sessionDetail), path, { signal: around.signal });
  if (output === 'json' || output === 'yaml') around.out(data(sessions, output));
  else if (sessions.length === 0) around.err(`nothing has been said to ${name} yet\n`);
  else around.out(table(columns(around.clock.now()), sessions, output === 'wide'));
}

function columns(now: number): Column<SessionDetail>[] {
  return [
    { name: 'SESSION', cell: ({ id }) => id },
    { name: 'STATUS', cell: ({ status, queued }) => (queued > 0 ? `${status}, ${queued} queued` : status) },
    { name: 'ENTRIES', cell: ({ entries }) => String(entries) },
    { name: 'CONTEXT', cell: ({ contextTokens }) => String(contextTokens) },
    { name: 'CACHED', cell: ({ usage }) => cached(usage) },
    { name: 'LAST', cell: ({ lastActivityAt }) => age(lastActivityAt, now) },
    { name: 'TITLE', cell: ({ title }) => title ?? '' },
    { name: 'INPUT', cell: ({ usage }) => String(inputOf(usage)), wide: true },
    { name: 'OUTPUT', cell: ({ usage }) => String(usage.outputTokens), wide: true },
    { name: 'FORKED-FROM', cell: ({ forkedFrom }) => forkedFrom ?? '', wide: true },
  ];
}

function inputOf({ inputTokens, cacheReadTokens, cacheWriteTokens }: SessionDetail['usage']): number {
  return inputTokens + cacheReadTokens + cacheWriteTokens;
}

/** The share of what the model read that its cache had. */
function cached(usage: SessionDetail['usage']): string {
  const input = inputOf(usage);
  return input === 0 ? '' : `${Math.round((100 * usage.cacheReadTokens) / input)}%`;
}
