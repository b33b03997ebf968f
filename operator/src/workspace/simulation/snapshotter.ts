import { resources } from '../../kube/index.ts';
import type { SimulatedApiServer } from './api-server.ts';
import type { Volumes } from './volumes.ts';

/** The snapshot controller cuts what is asked for, and later makes it ready. */
export function snapshotter(
  server: SimulatedApiServer,
  volumes: Volumes,
  outcome: 'cut' | 'ready' | 'fails',
  now: number,
): void {
  for (const snapshot of server.all(resources.volumeSnapshots)) {
    const { metadata, status } = snapshot;
    if (outcome === 'fails' && status?.creationTime === undefined)
      server.changeStatus(resources.volumeSnapshots, metadata, { error: { message: 'no space' } });
    if (outcome === 'cut' && status?.creationTime === undefined) {
      volumes.cut(snapshot);
      const creationTime = new Date(now).toISOString();
      server.changeStatus(resources.volumeSnapshots, metadata, { creationTime, readyToUse: false });
    }
    if (outcome === 'ready' && status?.creationTime !== undefined)
      server.changeStatus(resources.volumeSnapshots, metadata, { readyToUse: true, restoreSize: '2Gi' });
  }
}
