import { createHash } from 'node:crypto';
import type { mailRecord, mailRequest } from '@dormouse/agent-runtime/protocol';
import { type AgentMessage, senderLabel } from '@dormouse/crds';
import {
  AlreadyExistsError,
  type Desired,
  type KubeClient,
  NotFoundError,
  resources,
} from '@dormouse/operator/kube';
import type { z } from 'zod';
import type { WorkspaceIdentity } from '../auth/index.ts';

/** The AgentMessage that a workspace's message of this id is, whoever makes it and however often. */
export function nameOfMail({ name, uid }: WorkspaceIdentity, id: string): string {
  const digest = createHash('sha256').update(`${uid}\n${id}`).digest('hex').slice(0, 20);
  return `${name.slice(0, 60).replace(/[-.]+$/, '')}-${digest}`;
}

export function recordOf({ metadata, status }: AgentMessage): z.infer<typeof mailRecord> {
  const { phase = 'Pending', reply, reason, message } = status ?? {};
  const problem = [reason, message].filter((part) => part !== undefined).join(': ');
  return {
    message: metadata.name,
    phase,
    ...(reply === undefined ? {} : { reply: { text: reply.text, truncated: reply.truncated } }),
    ...(problem === '' ? {} : { problem }),
  };
}

/** The messages between workspaces, as AgentMessages. All reject with KubeError. */
export class MessageStore {
  readonly #kube: Pick<KubeClient, 'get' | 'list' | 'create'>;

  constructor(kube: Pick<KubeClient, 'get' | 'list' | 'create'>) {
    this.#kube = kube;
  }

  async find({ namespace }: WorkspaceIdentity, name: string): Promise<AgentMessage | undefined> {
    try {
      return await this.#kube.get(resources.messages, { namespace, name });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  /** How many a workspace sent since an instant, in milliseconds since the epoch; as far as they have not been deleted. */
  async sentSince({ namespace, name }: WorkspaceIdentity, since: number): Promise<number> {
    const labelSelector = `${senderLabel}=${name}`;
    const { items } = await this.#kube.list(resources.messages, { namespace, labelSelector });
    return items.filter(({ metadata }) => !(Date.parse(metadata.creationTimestamp ?? '') < since)).length;
  }

  async create(
    sender: WorkspaceIdentity,
    name: string,
    to: string,
    { session, text, hops }: z.output<typeof mailRequest>,
  ): Promise<AgentMessage> {
    const { namespace, name: workspace } = sender;
    const wanted: Desired<AgentMessage> = {
      metadata: { name, namespace, labels: { [senderLabel]: workspace } },
      spec: {
        workspaceRef: { name: to },
        session,
        from: `workspace ${workspace}`,
        sender: { workspace, hops },
        // An agent that knows of no senders would take a slash for the command of a person.
        text: text.startsWith('/') ? ` ${text}` : text,
        ttlAfterCompleted: '24h',
      },
    };
    try {
      return await this.#kube.create(resources.messages, wanted);
    } catch (error) {
      // Another replica, for the same request sent again.
      const found = error instanceof AlreadyExistsError ? await this.find(sender, name) : undefined;
      if (found === undefined) throw error;
      return found;
    }
  }
}
