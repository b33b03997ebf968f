import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { keyOf } from '@dormouse/operator/kube';
import { Refusal } from '../http/refusal.ts';
import type { ConnectionLimits } from '../limits/index.ts';
import { isAllowed } from './allowance.ts';
import type { Credentials } from './credentials.ts';
import { authorityOf, type Destination } from './destination.ts';
import { EgressRefusal } from './refusal.ts';

export interface GateOptions {
  credentials: Pick<Credentials, 'identify'>;
  /** The class in force for a workspace. */
  classOf: (workspace: AgentWorkspace) => AgentWorkspaceClass | undefined;
  connections: ConnectionLimits<'gateway' | 'workspace'>;
  /** Told where a class does not allow what a workspace asked for. */
  refused: (workspace: AgentWorkspace, to: Destination, message: string) => void;
}

/** Says who may go where. What a class allows counts from the moment that it is changed, for connections that are opened then. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** @throws EgressRefusal `unauthorized` */
  identify(header: string | undefined): AgentWorkspace {
    return this.#options.credentials.identify(header);
  }

  /**
   * Counts a connection of the workspace until the returned function is called.
   * @throws EgressRefusal
   */
  admit(workspace: AgentWorkspace, to: Destination): () => void {
    const { classOf, refused } = this.#options;
    const leave = this.#enter(keyOf(workspace.metadata));
    const of = classOf(workspace);
    if (of !== undefined && isAllowed(to, of.spec.egress?.allow)) return leave;
    leave();
    const message = notAllowed(workspace, of, to);
    refused(workspace, to, message);
    throw new EgressRefusal('not_allowed', message);
  }

  #enter(workspace: string): () => void {
    try {
      return this.#options.connections.enter({ gateway: 'itself', workspace });
    } catch (error) {
      if (error instanceof Refusal) throw new EgressRefusal('too_many', error.message);
      throw error;
    }
  }
}

/** What happened, to whom, and what to do about it. */
function notAllowed(workspace: AgentWorkspace, of: AgentWorkspaceClass | undefined, to: Destination): string {
  const who = `AgentWorkspace ${keyOf(workspace.metadata)} may not connect to ${authorityOf(to)}`;
  if (of === undefined)
    return `${who}: it has no AgentWorkspaceClass that would allow it. Its condition ClassResolved says why.`;
  const entry = `{host: ${JSON.stringify(to.host)}, ports: [${to.port}]}`;
  return `${who}: AgentWorkspaceClass ${of.metadata.name} does not allow it. If it should, ask the platform team to add ${entry} to spec.egress.allow of that class.`;
}
