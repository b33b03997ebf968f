import { type PersistentVolumeClaim, resources, type VolumeSnapshot } from '../../kube/index.ts';
import { emptyVolume, type Volume } from './agent.ts';
import type { SimulatedApiServer } from './api-server.ts';

/** What claims hold, and what snapshots and archives held when they were made. */
export class Volumes {
  readonly #server: SimulatedApiServer;
  readonly #byClaim = new Map<string, Volume>();
  readonly #cuts = new Map<string, Volume>();
  /** By the UID of the claim that they lie on; `bucket` for those that lie elsewhere. */
  readonly #archives = new Map<string, Map<string, Volume>>();

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

  /** Puts what a claim holds into an archive on itself, or in the bucket; answers its id. */
  archive(claim: PersistentVolumeClaim, where: 'bucket' | 'volume'): string {
    const place = this.#archivesAt(where === 'bucket' ? where : (claim.metadata.uid ?? ''));
    const id = (place.size + 1).toString(16).padStart(64, '0');
    place.set(id, copyOf(this.of(claim)));
    return id;
  }

  /** Fills a claim that was not used yet; archives on the one from before come along. Answers whether it could. */
  fill({ metadata }: PersistentVolumeClaim, id: string, from: PersistentVolumeClaim | 'bucket'): boolean {
    const { uid = '' } = metadata;
    const place = this.#archivesAt(from === 'bucket' ? from : (from.metadata.uid ?? ''));
    if (from !== 'bucket') this.#archives.set(uid, new Map(place));
    const archived = place.get(id);
    // What lies in a bucket may have been put there by a world that is not this one.
    if (archived === undefined) return from === 'bucket';
    if (!this.#byClaim.has(uid)) this.#byClaim.set(uid, copyOf(archived));
    return true;
  }

  #archivesAt(place: string): Map<string, Volume> {
    const known = this.#archives.get(place) ?? new Map<string, Volume>();
    this.#archives.set(place, known);
    return known;
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
