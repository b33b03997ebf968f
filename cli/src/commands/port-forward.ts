import { once } from 'node:events';
import type { AgentWorkspace } from '@dormouse/crds';
import { ForbiddenError } from '@dormouse/operator/kube';
import { Command, InvalidArgumentError } from 'commander';
import { Failure } from '../failure.ts';
import type { Opened } from '../gateway/open.ts';
import { LocalDoor } from '../port-forward/local-door.ts';
import type { Access, Surroundings } from '../surroundings.ts';
import { findWorkspace } from '../workspace/find.ts';
import { withExamples } from './command.ts';
import { gatewayOptions, withGateway } from './gateway-access.ts';

/** A service, and the port of this machine that is asked for. */
interface Forward {
  service: string;
  port: number | undefined;
}

export function portForwardCommand(around: Surroundings): Command {
  const command = new Command('port-forward')
    .description(
      'Reach services of a workspace on ports of this machine, HTTP and WebSockets. A request wakes the workspace.',
    )
    .argument('<name>', 'the workspace')
    .argument(
      '<service...>',
      'a service with a port, as SERVICE or LOCAL:SERVICE; LOCAL is by default its own port, or a free one',
      (text: string, before: Forward[] | undefined) => [...(before ?? []), forward(text)],
    );
  for (const option of gatewayOptions()) command.addOption(option);
  command.action((name: string, forwards: Forward[], _options: object, self: Command) =>
    withGateway(around, self, (opened, access) => portForward(around, opened, access, name, forwards)),
  );
  return withExamples(command, [
    ['dormouse port-forward ada web', 'http://127.0.0.1:PORT is its service "web"'],
    ['dormouse port-forward ada 8080:web api', 'two services, one on port 8080'],
  ]);
}

async function portForward(
  around: Surroundings,
  { gateway }: Opened,
  access: Access,
  name: string,
  forwards: readonly Forward[],
): Promise<void> {
  const { signal } = around;
  const workspace = { namespace: access.namespace, name };
  const ports = await declaredPorts(access, name, signal);
  const doors: LocalDoor[] = [];
  try {
    for (const { service, port } of forwards) {
      if (ports !== undefined && !ports.has(service)) throw noService(workspace, service, ports);
      const door = new LocalDoor({ gateway, workspace, service });
      doors.push(door);
      const at = await listen(door, service, port, ports?.get(service));
      around.out(`http://127.0.0.1:${at} is service ${service} of ${name}\n`);
    }
    around.err('Ctrl-C ends it.\n');
    // That is how it is meant to end.
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    for (const door of doors) door.close();
  }
}

/** Ports of the services, by name; undefined where the person may not look. */
async function declaredPorts(
  access: Access,
  name: string,
  signal: AbortSignal,
): Promise<Map<string, number> | undefined> {
  let found: AgentWorkspace;
  try {
    found = await findWorkspace(access, name, signal);
  } catch (error) {
    if (error instanceof ForbiddenError && error.status === 403) return undefined;
    throw error;
  }
  const services = found.spec.services ?? [];
  return new Map(services.flatMap((each) => (each.port === undefined ? [] : [[each.name, each.port]])));
}

/** Takes the port that is asked for, else the service's own, else any. */
async function listen(
  door: LocalDoor,
  service: string,
  asked: number | undefined,
  own: number | undefined,
): Promise<number> {
  try {
    return await door.listen(asked ?? own ?? 0);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (asked === undefined && (code === 'EADDRINUSE' || code === 'EACCES')) return door.listen(0);
    throw new Failure('failed', `port ${asked} of this machine cannot be used: ${message}`, [
      `Take another one:  LOCAL:${service}, or ${service} alone for a free one`,
    ]);
  }
}

function noService(
  { namespace, name }: { namespace: string; name: string },
  service: string,
  ports: ReadonlyMap<string, number>,
): Failure {
  const known = [...ports.keys()].join(', ') || 'none';
  return new Failure(
    'notFound',
    `workspace "${name}" has no service "${service}" with a port; it has: ${known}`,
    [`Services are declared in spec.services:  kubectl edit agentworkspace ${name} --namespace ${namespace}`],
  );
}

function forward(text: string): Forward {
  const [, port, service = ''] = /^(?:(\d{1,5}):)?([a-z0-9]([-a-z0-9]*[a-z0-9])?)$/.exec(text) ?? [];
  const number = port === undefined ? undefined : Number(port);
  if (service !== '' && (number ?? 0) <= 65_535) return { service, port: number };
  throw new InvalidArgumentError('It must be SERVICE or LOCAL:SERVICE, such as 8080:web.');
}
