import type { Clock, KubeClient } from '@dormouse/operator/kube';
import type { Logger } from '@dormouse/operator/telemetry';
import type { Workspaces } from '../attach/index.ts';
import type { WorkspaceAuthenticator } from '../auth/index.ts';
import type { Classes } from '../classes.ts';
import { ConnectionLimits } from '../limits/index.ts';
import { ArchiveDoor } from './archive-door.ts';
import { ArchiveGateway } from './archive-gateway.ts';
import { ArchiveStore } from './archive-store.ts';
import { CredentialReader } from './bucket-credentials.ts';

export interface AssembleArchiveOptions {
  kube: Pick<KubeClient, 'get'>;
  authenticator: WorkspaceAuthenticator;
  workspaces: Workspaces;
  classes: Classes;
  clock: Clock;
  log: Logger;
  /** Of the gateway: where the Secrets of buckets are. */
  namespace: string;
  ended: (outcome: string) => void;
}

/** Milliseconds for the head of a request, and for the whole of it: 16 MiB over a slow line. */
const timeouts = { headers: 10_000, request: 300_000 };
/** Requests of one workspace at a time, in one replica: restic sends five at most. */
const perWorkspace = 16;

/** The way to the buckets of classes, joined. */
export function assembleArchive(around: AssembleArchiveOptions): ArchiveGateway {
  const { kube, authenticator, workspaces, classes, clock, log, namespace, ended } = around;
  return new ArchiveGateway({
    door: new ArchiveDoor({
      ...{ authenticator, workspaces, classes, kube },
      connections: new ConnectionLimits({ workspace: perWorkspace }),
    }),
    store: new ArchiveStore(new CredentialReader({ kube, clock, namespace })),
    ...{ clock, log, ended, timeouts },
  });
}
