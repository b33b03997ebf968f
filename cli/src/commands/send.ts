import type { AgentMessage } from '@dormouse/crds';
import { workspaceLabel } from '@dormouse/crds';
import { type Desired, ForbiddenError } from '@dormouse/operator/kube';
import { Command } from 'commander';
import { createNamed } from '../cluster/create-named.ts';
import { kinds } from '../cluster/resources.ts';
import { within } from '../deadline.ts';
import { Failure, Interrupted } from '../failure.ts';
import { awaitReply } from '../message/await-reply.ts';
import { whereTheWholeIs } from '../message/conversation.ts';
import { messageText } from '../message/text.ts';
import { formatObject, type ObjectFormat, objectFormats, qualifiedName } from '../output/format.ts';
import { printable } from '../output/printable.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { findWorkspace } from '../workspace/find.ts';
import { durationArgument, formatOption, withAccess, withExamples } from './command.ts';

interface Options {
  session?: string;
  from?: string;
  wait: boolean;
  timeout?: number;
  output?: ObjectFormat;
}

export function sendCommand(around: Surroundings): Command {
  const command = new Command('send')
    .description(
      'Send a message to the agent of a workspace and print its reply. A workspace that sleeps is woken.',
    )
    .argument('<name>', 'the workspace')
    .argument('[text...]', 'the text; `-`, or none, reads standard input')
    .option('--session <name>', 'the session; made by the first message that names it (default: "default")')
    .option('--from <who>', 'who sends it, as the agent shall see it')
    .option('--no-wait', 'print the name of the message and leave')
    .option(
      '--timeout <duration>',
      'wait at most so long, such as 10m (default: without end)',
      durationArgument,
    )
    .addOption(formatOption(objectFormats))
    .action(async (name: string, words: string[], options: Options, self: Command) => {
      const text = await messageText(words, around);
      await withAccess(around, self, (access) => send(around, access, name, text, options));
    });
  return withExamples(command, [
    ['dormouse send ada "how does the build look?"', 'ask, wait, print the reply'],
    [
      'git diff | dormouse send ada --session review -',
      'the text from standard input, in a session of its own',
    ],
    ['dormouse send ada --no-wait "update the changelog"', 'leave it to work on alone'],
  ]);
}

async function send(
  around: Surroundings,
  access: Access,
  name: string,
  text: string,
  options: Options,
): Promise<void> {
  const { signal, clock } = around;
  const { kube, namespace } = access;
  await mustExist(access, name, signal);
  const sent = await createNamed(
    access,
    kinds.messages,
    () => stated(namespace, name, `${name}-${around.random(5)}`, text, options),
    signal,
  ).catch((error: unknown) => {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted([`Whether it was sent:  dormouse messages ${name} --namespace ${namespace}`]);
  });
  if (!options.wait) {
    around.out(
      options.output === undefined
        ? `${qualifiedName(kinds.messages, sent)} created\n`
        : formatObject(kinds.messages, sent, options.output),
    );
    return;
  }
  const message = sent.metadata.name;
  const later = [
    `Message "${message}" goes on. Its reply:  dormouse messages ${name} ${message} --namespace ${namespace}`,
  ];
  const late = () => new Failure('timeout', `no reply from "${name}" in time`, later);
  const shown = progress(around);
  let answered: AgentMessage;
  try {
    answered = await within(around, options.timeout, late, (ends) =>
      awaitReply(kube, { namespace, name: message, signal: ends, clock }, shown),
    );
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted(later) : error;
  }
  if (options.output !== undefined) {
    around.out(formatObject(kinds.messages, answered, options.output));
    return;
  }
  const whole = answered.status?.reply?.text ?? '';
  const reply = around.terminal.out ? printable(whole) : whole;
  around.out(reply.endsWith('\n') ? reply : `${reply}\n`);
  for (const line of whereTheWholeIs(answered)) around.err(`${line}\n`);
}

/** A message to nobody would wait for ever. Who may send and not look is believed. */
async function mustExist(access: Access, name: string, signal: AbortSignal): Promise<void> {
  try {
    const { metadata } = await findWorkspace(access, name, signal);
    if (metadata.deletionTimestamp === undefined) return;
  } catch (error) {
    if (error instanceof ForbiddenError && error.status === 403) return;
    throw error;
  }
  throw new Failure('refused', `workspace "${name}" is being deleted and takes no messages`);
}

function stated(
  namespace: string,
  workspace: string,
  name: string,
  text: string,
  { session, from }: Options,
): Desired<AgentMessage> {
  return {
    metadata: { namespace, name, labels: { [workspaceLabel]: workspace } },
    // Defaults are the API server's business, so that they are the same for everybody.
    spec: {
      workspaceRef: { name: workspace },
      text,
      ...(session !== undefined && { session }),
      ...(from !== undefined && { from }),
    } as AgentMessage['spec'],
  };
}
