import type { ApprovalRequest } from '@dormouse/agent-runtime/protocol';
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
  async send(key: string, text: string, told: (error: Error) => void): Promise<void> {
    const { gateway, workspace, session, clock, signal } = this.#options;
    await patiently({ clock, signal, told }, async () => {
      const path = pathAt(workspace, 'agent/messages');
      const answer = await gateway.must(path, { method: 'POST', body: { key, session, text }, signal });
      answer.resume();
    });
  }

  /** Stops the turn under way. False where there is none. */
  async interrupt(): Promise<boolean> {
    return this.#post(`agent/sessions/${encodeURIComponent(this.#options.session)}/interrupt`, {});
  }

  /** Answers a question. False where somebody else was faster. */
  async answer({ id }: ApprovalRequest, decision: 'allow' | 'deny', reason = ''): Promise<boolean> {
    const body = { decision, ...(reason !== '' && { reason }) };
    return this.#post(`agent/approvals/${encodeURIComponent(id)}`, body);
  }

  async #post(below: string, body: object): Promise<boolean> {
    const { gateway, workspace, signal } = this.#options;
    try {
      (await gateway.must(pathAt(workspace, below), { method: 'POST', body, signal })).resume();
      return true;
    } catch (error) {
      if (error instanceof GatewayRefusal && [404, 409].includes(error.status)) return false;
      throw error;
    }
  }
}
