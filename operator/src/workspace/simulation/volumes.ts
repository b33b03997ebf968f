import { type PersistentVolumeClaim, resources, type VolumeSnapshot } from '../../kube/index.ts';
import { emptyVolume, type Volume } from './agent.ts';
import type { SimulatedApiServer } from './api-server.ts';

/** What claims hold, and what snapshots held when they were cut. */
export class Volumes {
  readonly #server: SimulatedApiServer;
  readonly #byClaim = new Map<string, Volume>();
  readonly #cuts = new Map<string, Volume>();

  constructor(server: SimulatedApiServer) {
    this.#server = server;
  }

  get all(): Volume[] {
    return [...this.#byClaim.values()];
  }

  /** Made when first asked for: from the snapshot that the claim names, where that is cut. */
  of({ metadata, spec }: PersistentVolumeClaim): Volume {
    const { uid = '', namespace = '' } = metadata;
    const known = this.#byClaim.get(uid);
    if (known !== undefined) return known;
    const from = (spec as { dataSource?: { name: string } } | undefined)?.dataSource;
    const snapshot = from && this.#server.read(resources.volumeSnapshots, { namespace, name: from.name });
    const cut = this.#cuts.get(snapshot?.metadata.uid ?? '');
    const made = cut === undefined ? emptyVolume() : copyOf(cut);
    this.#byClaim.set(uid, made);
    return made;
  }

  cut({ metadata, spec }: VolumeSnapshot): void {
    const { namespace = '' } = metadata;
    const name = (spec as { source?: { persistentVolumeClaimName?: string } }).source
      ?.persistentVolumeClaimName;
    const claim = this.#server.read(resources.persistentVolumeClaims, { namespace, name: name ?? '' });
    this.#cuts.set(metadata.uid ?? '', claim === undefined ? emptyVolume() : copyOf(this.of(claim)));
  }

  /** Undefined where the snapshot is not cut. */
  cutOf({ metadata }: VolumeSnapshot): Volume | undefined {
    return this.#cuts.get(metadata.uid ?? '');
  }
}

function copyOf(volume: Volume): Volume {
  return {
    ...volume,
    inbox: new Map(volume.inbox),
    transcript: [...volume.transcript],
    questions: new Map(volume.questions),
    manifests: new Map(volume.manifests),
    cursors: new Map(volume.cursors),
  };
}
