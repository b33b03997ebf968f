import { type RuntimeState, runtimeState } from '@dormouse/agent-runtime/protocol';
import { type Command, Option } from 'commander';
import { within } from '../deadline.ts';
import { Failure } from '../failure.ts';
import { pathAt } from '../gateway/gateway.ts';
import { type GatewayChoice, type Opened, openGateway } from '../gateway/open.ts';
import { patiently } from '../gateway/patiently.ts';
import { explainGateway, GatewayRefusal, GatewayUnreached } from '../gateway/refusal.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { progress } from '../terminal/progress.ts';
import { mustBeWakeable } from '../workspace/wakeable.ts';
import { withAccess } from './command.ts';

/** Options of whatever goes through the gateway. */
export function gatewayOptions(): Option[] {
  return [
    new Option(
      '--gateway <url>',
      'the gateway; by default $DORMOUSE_GATEWAY, else as the installation publishes it, else through the API server',
    ),
    new Option(
      '--service-account <name>',
      'show the gateway a token of this ServiceAccount of the namespace; by default $DORMOUSE_SERVICE_ACCOUNT, else your own token, else that of "dormouse-cli"',
    ),
  ];
}

/** Lets `work` use the gateway that the command line means, and says what its errors mean. */
export async function withGateway(
  around: Surroundings,
  command: Command,
  work: (opened: Opened, access: Access) => Promise<void>,
): Promise<void> {
  await withAccess(around, command, async (access) => {
    using opened = await openGateway(around, access, command.opts<GatewayChoice>());
    for (const note of opened.notes) around.err(`${note}\n`);
    try {
      await work(opened, access);
    } catch (error) {
      throw error instanceof GatewayRefusal || error instanceof GatewayUnreached
        ? explainGateway(error, opened.where)
        : error;
    }
  });
}

/**
 * Wakes a workspace by asking for its state, and waits for that.
 * @param timeout milliseconds
 */
export async function wakeThrough(
  around: Surroundings,
  { gateway }: Pick<Opened, 'gateway'>,
  access: Access,
  name: string,
  timeout: number,
): Promise<RuntimeState> {
  const { namespace } = access;
  await mustBeWakeable(access, name, around.signal);
  const shown = progress(around);
  shown.say(`reaching ${name}`);
  let hindrance = 'it has not answered';
  const late = () =>
    new Failure('timeout', `workspace "${name}" did not answer in time: ${hindrance}`, [
      `More:  dormouse describe ${name} --namespace ${namespace}`,
    ]);
  try {
    return await within(around, timeout, late, (signal) => {
      const told = (error: Error) => {
        hindrance = error.message;
        shown.say(`reaching ${name}: ${hindrance}`);
      };
      const path = pathAt({ namespace, name }, 'agent/state');
      return firmly({ clock: around.clock, signal, told }, () =>
        gateway.json(runtimeState, path, { signal }),
      );
    });
  } finally {
    shown.end();
  }
}

/** As `patiently`, but a gateway that does not answer at all is no reason to wait: it is the first contact. */
function firmly<Answer>(
  options: Parameters<typeof patiently>[0],
  ask: () => Promise<Answer>,
): Promise<Answer> {
  return patiently(
    {
      ...options,
      told(error) {
        if (!(error instanceof GatewayRefusal)) throw error;
        options.told(error);
      },
    },
    ask,
  );
}
