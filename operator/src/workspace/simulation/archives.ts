import { archivePodName, archiverVariables } from '@dormouse/agent-runtime/protocol';
import { type PersistentVolumeClaim, type Pod, resources } from '../../kube/index.ts';
import type { SimulatedApiServer } from './api-server.ts';
import { claimOfPod, name } from './names.ts';
import type { Volumes } from './volumes.ts';

/** What the archiver does in its pods: it archives, and fills volumes. */
export class Archives {
  readonly #server: SimulatedApiServer;
  readonly #volumes: Volumes;

  constructor(server: SimulatedApiServer, volumes: Volumes) {
    this.#server = server;
    this.#volumes = volumes;
  }

  /** The archive pod runs to its end. */
  run(): void {
    const pod = this.#server.read(resources.pods, { ...name, name: archivePodName(name.name) });
    const claim = pod && this.#claim(claimOfPod(pod));
    if (pod === undefined || claim === undefined || pod.status?.phase === 'Succeeded') return;
    const env = pod.spec?.containers[0]?.env ?? [];
    const onVolume = env.some((each) => each.name === archiverVariables.folder);
    const snapshot = this.#volumes.archive(claim, onVolume ? 'volume' : 'bucket');
    const ended = (part: string) => {
      const came = { part, percent: 100, bytes: 1, files: 1, addedBytes: 1, snapshot };
      return { name: part, state: { terminated: { message: JSON.stringify(came) } } };
    };
    this.#server.changeStatus(resources.pods, pod.metadata, {
      phase: 'Succeeded',
      initContainerStatuses: [ended('state')],
      containerStatuses: [ended('home')],
    });
  }

  /** What init containers do before the agent starts. */
  fill(pod: Pod, claim: PersistentVolumeClaim): 'nothing' | 'filled' | 'waits' | 'failed' {
    const filling = pod.spec?.initContainers?.find((each) => each.name === 'restore-state');
    if (filling === undefined) return 'nothing';
    const variable = (which: string) => filling.env?.find((each) => each.name === which)?.value;
    const [, previous] =
      pod.spec?.volumes?.flatMap((each) => each.persistentVolumeClaim?.claimName ?? []) ?? [];
    const from =
      variable(archiverVariables.folder) === undefined ? ('bucket' as const) : this.#claim(previous ?? '');
    if (from === undefined) return 'waits';
    const id = variable(archiverVariables.snapshot) ?? '';
    return this.#volumes.fill(claim, id, from) ? 'filled' : 'failed';
  }

  #claim(claim: string): PersistentVolumeClaim | undefined {
    return this.#server.read(resources.persistentVolumeClaims, { ...name, name: claim });
  }
}
