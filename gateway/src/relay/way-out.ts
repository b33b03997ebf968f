import type { AgentWorkspace } from '@dormouse/crds';
import { type Destination, requestDestination } from '../egress/destination.ts';
import type { Dialer } from '../egress/dialer.ts';
import type { Gate } from '../egress/gate.ts';

/** How a workspace would be let out, for what is asked in its place. */
export interface WayOut {
  gate: Pick<Gate, 'admit'>;
  dialer: Pick<Dialer, 'dial'>;
}

/** The host and port of a URL, as its scheme has it. @throws EgressRefusal `invalid` */
function destinationOf(url: URL): Destination {
  const copy = new URL(url);
  copy.hash = '';
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const { host, literal } = requestDestination(copy.href.replace(/^https:/, 'http:'));
  return { host, literal, port };
}

/**
 * Lets `use` connect where the class of the workspace lets it go; that is counted until `use` has ended. What else may be refused is refused
 * before it connects.
 *
 * @throws Refusal
 */
export async function goingOut<T>(
  { gate, dialer }: WayOut,
  workspace: AgentWorkspace,
  url: URL,
  signal: AbortSignal,
  use: (connect: () => ReturnType<Dialer['dial']>) => Promise<T>,
): Promise<T> {
  const to = destinationOf(url);
  const leave = gate.admit(workspace, to);
  try {
    return await use(() => dialer.dial(to, signal));
  } finally {
    leave();
  }
}
