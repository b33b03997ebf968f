import { Command, Option } from 'commander';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import type { Opened } from '../gateway/open.ts';
import { markdownOf } from '../session/markdown.ts';
import { readTranscript } from '../session/transcript.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { timeoutOption, withExamples } from './command.ts';
import { gatewayOptions, wakeThrough, withGateway } from './gateway-access.ts';

interface Options {
  session: string;
  format: 'markdown' | 'jsonl';
  timeout: number;
}

export function transcriptCommand(around: Surroundings): Command {
  const command = new Command('transcript')
    .description('Write out the conversation of a session. Wakes the workspace.')
    .argument('<name>', 'the workspace')
    .option('--session <name>', 'the session', 'default')
    .addOption(
      new Option('--format <format>', 'markdown to read, jsonl with everything that is known')
        .choices(['markdown', 'jsonl'])
        .default('markdown'),
    )
    .addOption(timeoutOption());
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, options: Options, self: Command) =>
    withGateway(around, self, async (opened, access) => {
      await wakeThrough(around, opened, access, name, options.timeout);
      await write(around, opened, access, name, options);
    }),
  );
  return withExamples(command, [
    ['dormouse transcript ada > ada.md', 'to read, or to attach to a report'],
    ['dormouse transcript ada --session review --format jsonl > review.jsonl', 'to process'],
  ]);
}

async function write(
  around: Surroundings,
  { gateway }: Opened,
  { namespace }: Access,
  name: string,
  { session, format }: Options,
): Promise<void> {
  const workspace = { namespace, name };
  const { signal } = around;
  if (format === 'jsonl') {
    const path = pathAt(workspace, `agent/sessions/${encodeURIComponent(session)}/transcript`);
    const answer = await gateway.must(path, { signal });
    answer.setEncoding('utf8');
    for await (const text of answer) around.out(text as string);
    return;
  }
  const entries = await readTranscript(gateway, workspace, session, 0, signal);
  if (entries.length === 0) {
    throw new Failure(
      'notFound',
      `workspace "${name}" has no session "${session}" in which something was said`,
      [`What there is:  dormouse sessions ${name} --namespace ${namespace}`],
    );
  }
  around.out(markdownOf(`${name}: ${session}`, entries));
}
