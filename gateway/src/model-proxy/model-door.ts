import type { IncomingMessage } from 'node:http';
import type { AgentWorkspaceClass } from '@dormouse/crds';
import { tokensPerDay } from '@dormouse/operator/class';
import { keyOf } from '@dormouse/operator/kube';
import type { Workspaces } from '../attach/index.ts';
import { bearerToken, type WorkspaceAuthenticator, type WorkspaceIdentity } from '../auth/index.ts';
import type { Classes } from '../classes.ts';
import { Refusal } from '../http/refusal.ts';
import type { ConnectionLimits } from '../limits/index.ts';
import { type ModelRoute, modelRouteOf } from './model-routes.ts';

export interface ModelDoorOptions {
  authenticator: Pick<WorkspaceAuthenticator, 'identify'>;
  workspaces: Pick<Workspaces, 'get' | 'fetch'>;
  classes: Pick<Classes, 'of'>;
  connections: ConnectionLimits<'workspace'>;
}

/** A workspace that may ask. */
export interface ModelAdmission {
  route: ModelRoute;
  workspace: WorkspaceIdentity;
  class: AgentWorkspaceClass;
  /** On one UTC day; undefined: no limit. */
  tokensPerDay: number | undefined;
  /** To be called when the call is over. */
  leave: () => void;
}

/** Decides which workspace asks. Its token is all that counts, and is good here alone: no user comes in. */
export class ModelDoor {
  readonly #options: ModelDoorOptions;

  constructor(options: ModelDoorOptions) {
    this.#options = options;
  }

  /**
   * `seen` is told what is known so far, so that a refusal can be accounted to somebody.
   * @throws Refusal; KubeError where the API server cannot say.
   */
  async admit(
    { method, url, headers, rawHeaders }: IncomingMessage,
    seen: (what: Partial<Omit<ModelAdmission, 'leave'>>) => void,
  ): Promise<ModelAdmission> {
    const { authenticator, workspaces, classes, connections } = this.#options;
    if (!/^(chunked)?$/i.test(headers['transfer-encoding'] ?? ''))
      throw new Refusal('invalid', 'Transfer-Encoding can be nothing but chunked.');
    if (headers.origin !== undefined)
      throw new Refusal('forbidden', 'No page of a browser has anything to ask here.');
    const token = bearerToken(rawHeaders, false);
    const route = modelRouteOf(method, url);
    seen({ route });
    const workspace = await authenticator.identify(token);
    seen({ workspace });
    const object = await workspaces.fetch(workspace);
    const found = classes.of(object);
    seen({ class: found });
    const leave = connections.enter({
      workspace: keyOf({ namespace: workspace.namespace, name: workspace.name }),
    });
    const limit = tokensPerDay(object.spec.agent, found.spec.ceilings);
    return { route, workspace, class: found, tokensPerDay: limit, leave };
  }
}
