import type { ApprovalDecision, ApprovalRequest } from '@dormouse/agent-runtime/protocol';
import type { Clock } from '@dormouse/operator/kube';
import { type Gateway, pathAt } from '../gateway/gateway.ts';
import { patiently } from '../gateway/patiently.ts';
import { GatewayRefusal } from '../gateway/refusal.ts';

export interface AttachmentOptions {
  gateway: Gateway;
  workspace: { namespace: string; name: string };
  session: string;
  clock: Clock;
  signal: AbortSignal;
}

/** What a person does to a session: sends, stops, answers. */
export class Attachment {
  readonly #options: AttachmentOptions;

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /**
   * Sends a message, as often as it takes: its key makes it one.
   * @param told what stands in the way meanwhile
   */
  async send(key: string, text: string, told: (hindrance: string) => void): Promise<void> {
    await this.#post('agent/messages', { key, session: this.#options.session, text }, told);
  }

  /** Stops the turn under way. False where there is none. What stands in the way is an error: who stops does not wait. */
  async interrupt(): Promise<boolean> {
    const { gateway, workspace, session, signal } = this.#options;
    const path = pathAt(workspace, `agent/sessions/${encodeURIComponent(session)}/interrupt`);
    return unlessSettled(async () => {
      (await gateway.must(path, { method: 'POST', body: {}, signal })).resume();
    });
  }

  /**
   * Answers a question, as often as it takes: it waits over a sleep of the workspace, which the answer ends.
   * @param told what stands in the way meanwhile
   * @returns false where somebody else was faster
   */
  async answer(
    { id }: Pick<ApprovalRequest, 'id'>,
    decision: ApprovalDecision,
    told: (hindrance: string) => void,
  ): Promise<boolean> {
    return unlessSettled(() => this.#post(`agent/approvals/${encodeURIComponent(id)}`, decision, told));
  }

  async #post(below: string, body: object, told: (hindrance: string) => void): Promise<void> {
    const { gateway, workspace, clock, signal } = this.#options;
    const hindered = (error: Error) =>
      told(isUnsure(error) ? 'the workspace went away meanwhile' : error.message);
    await patiently({ clock, signal, told: hindered }, async () => {
      (await gateway.must(pathAt(workspace, below), { method: 'POST', body, signal })).resume();
    });
  }
}

/** Whether the gateway cannot say if it was done. What comes here may be done twice, so its advice to look first is not for the person. */
function isUnsure(error: Error): boolean {
  return error instanceof GatewayRefusal && error.status === 502;
}

/** False where what was to be done is settled already, or is no more. */
async function unlessSettled(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof GatewayRefusal && ['not_found', 'conflict', 'expired'].includes(error.code))
      return false;
    throw error;
  }
}
