import type { IncomingMessage } from 'node:http';
import type { AgentWorkspace, AgentWorkspaceClass } from '@dormouse/crds';
import { type KubeClient, keyOf, resources } from '@dormouse/operator/kube';
import type { Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import type { Classes } from '../classes.ts';
import { Refusal } from '../http/refusal.ts';
import type { ConnectionLimits } from '../limits/index.ts';
import { type ArchiveRequest, archiveRequestOf } from './archive-request.ts';
import { type BucketSpec, bucketOf } from './bucket-credentials.ts';

export interface ArchiveDoorOptions {
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'fetch'>;
  classes: Pick<Classes, 'of'>;
  kube: Pick<KubeClient, 'get'>;
  connections: ConnectionLimits<'workspace'>;
}

/** A pod that may do what it asks for. */
export interface ArchiveAdmission {
  asked: ArchiveRequest;
  workspace: WorkspaceIdentity;
  class: AgentWorkspaceClass;
  bucket: BucketSpec;
  /** To be called when the request is over. */
  leave: () => void;
}

/**
 * Decides which pod may do what to which repository. The archive pod of a workspace reads and writes the one of that workspace; the
 * pod of a fork reads the one that its files come from. Nobody else comes in, and nobody chooses a bucket: the class does.
 */
export class ArchiveDoor {
  readonly #options: ArchiveDoorOptions;

  constructor(options: ArchiveDoorOptions) {
    this.#options = options;
  }

  /**
   * `seen` is told what is known so far, so that a refusal can be accounted to somebody.
   * @throws Refusal; KubeError where the API server cannot say.
   */
  async admit(
    { method, url, rawHeaders }: IncomingMessage,
    seen: (what: Pick<ArchiveAdmission, 'asked'> | Pick<ArchiveAdmission, 'workspace'>) => void,
  ): Promise<ArchiveAdmission> {
    const { authenticator, workspaces, classes, connections } = this.#options;
    const token = bearerToken(rawHeaders, false);
    const asked = archiveRequestOf(url);
    seen({ asked });
    const workspace = await authenticator.identify(token, { archives: true });
    seen({ workspace });
    const object = await workspaces.fetch(workspace);
    const reads = method === 'GET' || method === 'HEAD';
    const own = `${workspace.namespace}/${workspace.name}/${workspace.uid}`;
    const allowed =
      workspace.archives === true
        ? asked.repository === own
        : reads && (await this.#comesFrom(object, asked.repository));
    if (!allowed)
      throw new Refusal(
        'forbidden',
        `${workspace.archives ? 'The archive pod' : 'The pod'} of AgentWorkspace ${workspace.namespace}/${workspace.name} may not ${reads ? 'read' : 'write'} the archives ${asked.repository}.`,
      );
    const found = classes.of(object);
    const bucket = bucketOf(found.spec.archive);
    if (bucket === undefined)
      throw new Refusal(
        'forbidden',
        `AgentWorkspaceClass ${found.metadata.name} names no bucket: set spec.archive.`,
      );
    const leave = connections.enter({
      workspace: keyOf({ namespace: workspace.namespace, name: workspace.name }),
    });
    return { asked, workspace, class: found, bucket, leave };
  }

  /** What the status says is asked for again where the cache may be behind. */
  async #comesFrom(cached: AgentWorkspace, repository: string): Promise<boolean> {
    if (fills(cached, repository)) return true;
    const { namespace, name, uid } = cached.metadata;
    const live = await this.#options.kube.get(resources.workspaces, {
      ...(namespace === undefined ? {} : { namespace }),
      name,
    });
    return live.metadata.uid === uid && fills(live, repository);
  }
}

/** Whether the volume of a workspace is filled from these archives: it is a fork, or is being rewound. */
function fills({ status }: AgentWorkspace, repository: string): boolean {
  const { forkedFrom, rewind } = status ?? {};
  const target = rewind?.phase === 'Restoring' ? rewind.to.archive : undefined;
  return forkedFrom?.archive?.repository === repository || target?.repository === repository;
}
