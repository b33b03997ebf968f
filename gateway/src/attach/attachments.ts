import { type AgentWorkspace, attachedUntilAnnotation } from '@dormouse/crds';
import { type Clock, type KubeClient, keyOf, resources } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { WorkspaceName } from '../auth/index.ts';

export interface AttachmentsOptions {
  kube: Pick<KubeClient, 'patch'>;
  clock: Clock;
  log: Logger;
  /** Milliseconds for which one write says that somebody is attached. */
  lease: number;
  /** The workspace as the cache knows it: another replica may have written the annotation. */
  cached: (workspace: WorkspaceName) => AgentWorkspace | undefined;
}

interface Attachment {
  key: string;
  users: number;
  /** Milliseconds since the epoch. */
  until: number;
  writing: boolean;
  cancelRenewal: (() => void) | undefined;
}

/** Milliseconds before a write that failed is tried again. */
const retry = 1_000;

/**
 * Says on a workspace that somebody is attached (`dormouse.dev/attached-until`), which wakes it and keeps it awake. However
 * many use it, there is one write in flight, and one for each half of a lease. Nothing is written when they leave: the
 * lease runs out by itself, also when this process dies.
 */
export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #attachments = new Map<string, Attachment>();

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  /** From now until the returned function is called, the workspace is in use. */
  use(workspace: WorkspaceName): () => void {
    const attachment = this.#of(workspace);
    attachment.users += 1;
    this.#renew(workspace, attachment);
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      attachment.users -= 1;
      this.#forget(attachment);
    };
  }

  /** The workspace was used at this moment. */
  touch(workspace: WorkspaceName): void {
    this.use(workspace)();
  }

  #of(workspace: WorkspaceName): Attachment {
    // By its UID as well: what was written on a workspace says nothing of a later one of its name.
    const key = `${keyOf(workspace)}/${this.#options.cached(workspace)?.metadata.uid ?? ''}`;
    const known = this.#attachments.get(key);
    if (known !== undefined) return known;
    const fresh = { key, users: 0, until: 0, writing: false, cancelRenewal: undefined };
    this.#attachments.set(key, fresh);
    return fresh;
  }

  /** Writes, or sees to it that it is written when half of the lease is over. */
  #renew(workspace: WorkspaceName, attachment: Attachment): void {
    if (attachment.writing || attachment.cancelRenewal !== undefined) return;
    const { clock, lease, cached } = this.#options;
    const written = Date.parse(cached(workspace)?.metadata.annotations?.[attachedUntilAnnotation] ?? '');
    const until = Math.max(attachment.until, Number.isNaN(written) ? 0 : written);
    const left = until - clock.now();
    if (left <= lease / 2) void this.#write(workspace, attachment);
    else this.#later(workspace, attachment, left - lease / 2);
  }

  async #write(workspace: WorkspaceName, attachment: Attachment): Promise<void> {
    const { kube, clock, log, lease } = this.#options;
    const until = clock.now() + lease;
    attachment.writing = true;
    let wait = lease / 2;
    try {
      await kube.patch(resources.workspaces, workspace, {
        metadata: { annotations: { [attachedUntilAnnotation]: new Date(until).toISOString() } },
      });
      attachment.until = until;
    } catch (error) {
      wait = retry;
      log.warn({ workspace: keyOf(workspace), error: (error as Error).message }, 'cannot attach');
    }
    attachment.writing = false;
    this.#later(workspace, attachment, wait);
  }

  #later(workspace: WorkspaceName, attachment: Attachment, milliseconds: number): void {
    attachment.cancelRenewal = this.#options.clock.schedule(milliseconds, () => {
      attachment.cancelRenewal = undefined;
      if (attachment.users > 0) this.#renew(workspace, attachment);
      else this.#forget(attachment);
    });
  }

  /** What nobody uses is remembered only as long as its last write says something. */
  #forget(attachment: Attachment): void {
    if (attachment.users === 0 && !attachment.writing && attachment.cancelRenewal === undefined)
      this.#attachments.delete(attachment.key);
  }

  /** Gives up every renewal. */
  close(): void {
    for (const attachment of this.#attachments.values()) attachment.cancelRenewal?.();
    this.#attachments.clear();
  }
}
