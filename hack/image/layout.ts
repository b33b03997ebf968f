import { createHash } from 'node:crypto';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { end, header, padding } from './tar.ts';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface Manifest {
  schemaVersion: 2;
  mediaType: string;
  config: Descriptor;
  layers: Descriptor[];
}

export interface ImageConfig {
  created: string;
  architecture: string;
  os: 'linux';
  config: {
    User?: string;
    Env?: string[];
    Entrypoint?: string[];
    WorkingDir?: string;
    Labels?: Record<string, string>;
  };
  rootfs: { type: 'layers'; diff_ids: string[] };
}

interface Index {
  schemaVersion: 2;
  mediaType: string;
  manifests: Descriptor[];
}

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
};

const nameAnnotation = 'io.containerd.image.name';
const tagAnnotation = 'org.opencontainers.image.ref.name';
const marker = '{"imageLayoutVersion":"1.0.0"}';

/**
 * Images in a directory, in the OCI image layout: what skopeo calls `oci:DIRECTORY`. Layers are not compressed: they
 * go to nodes on the same machine, and gzip would cost more than it saves.
 */
export class Layout {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(join(directory, 'blobs/sha256'), { recursive: true });
    writeFileSync(join(directory, 'oci-layout'), marker);
  }

  /** Keeps some bytes. */
  put(bytes: Buffer, mediaType: string): Descriptor {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const path = this.#blob(digest);
    if (!existsSync(path)) replace(path, (temporary) => writeFileSync(temporary, bytes));
    return { mediaType, digest, size: bytes.length };
  }

  /** Keeps a copy of a file, without holding it in memory. */
  async putFile(file: string, mediaType: string): Promise<Descriptor> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(file), hash);
    const digest = `sha256:${hash.digest('hex')}`;
    const path = this.#blob(digest);
    if (!existsSync(path)) replace(path, (temporary) => copyFileSync(file, temporary));
    return { mediaType, digest, size: statSync(file).size };
  }

  putJson(value: unknown, mediaType: string): Descriptor {
    return this.put(Buffer.from(JSON.stringify(value)), mediaType);
  }

  /** Gives a manifest a name, in the place of whatever had it. */
  name(reference: string, manifest: Descriptor): void {
    const manifests = this.#index().manifests.filter(
      (entry) => entry.annotations?.[nameAnnotation] !== reference,
    );
    const annotations = { [nameAnnotation]: reference, [tagAnnotation]: reference };
    manifests.push({ ...manifest, annotations });
    this.#writeIndex(manifests);
  }

  /** The manifest that has this name, if any has. */
  find(reference: string): Descriptor | undefined {
    return this.#index().manifests.find((entry) => entry.annotations?.[nameAnnotation] === reference);
  }

  manifest(descriptor: Descriptor): Manifest {
    return JSON.parse(readFileSync(this.#blob(descriptor.digest), 'utf8'));
  }

  config(manifest: Manifest): ImageConfig {
    return JSON.parse(readFileSync(this.#blob(manifest.config.digest), 'utf8'));
  }

  /** Removes the names that `keep` doesn't want, and then every blob that belongs to no named image. */
  prune(keep: (reference: string) => boolean): void {
    const manifests = this.#index().manifests.filter((entry) =>
      keep(entry.annotations?.[nameAnnotation] ?? ''),
    );
    this.#writeIndex(manifests);
    const used = new Set(
      manifests.flatMap((entry) => {
        const manifest = this.manifest(entry);
        return [entry, manifest.config, ...manifest.layers].map(({ digest }) => this.#blob(digest));
      }),
    );
    for (const file of readdirSync(join(this.#directory, 'blobs/sha256'))) {
      const path = join(this.#directory, 'blobs/sha256', file);
      if (!used.has(path)) rmSync(path);
    }
  }

  /**
   * Writes the named images as one archive that `ctr images import` and `docker load` read. Blobs in `present`, which
   * the reader has, are left out: containerd looks for them in its store, so a changed program is some hundred KiB.
   */
  async archive(references: string[], present: Set<string>, out: Writable): Promise<void> {
    const manifests = references.map((reference) => {
      const found = this.find(reference);
      if (!found) throw new Error(`no image ${reference}; "hack/images build" makes it`);
      return { reference, descriptor: found, manifest: this.manifest(found) };
    });
    const blobPath = (digest: string) => `blobs/sha256/${digest.replace('sha256:', '')}`;
    const index: Index = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: manifests.map((m) => m.descriptor),
    };
    const forDocker = manifests.map(({ reference, manifest }) => ({
      Config: blobPath(manifest.config.digest),
      RepoTags: [reference],
      Layers: manifest.layers.map((layer) => blobPath(layer.digest)),
    }));
    const write = async (bytes: Buffer) => {
      if (!out.write(bytes)) await new Promise((resolve) => out.once('drain', resolve));
    };
    const file = async (path: string, bytes: Buffer) => {
      await write(header(path, bytes.length, 0o644, 0, '0'));
      await write(bytes);
      await write(padding(bytes.length));
    };
    await file('oci-layout', Buffer.from(marker));
    await file('index.json', Buffer.from(JSON.stringify(index)));
    if (present.size === 0) await file('manifest.json', Buffer.from(JSON.stringify(forDocker)));
    const blobs = new Map(
      manifests.flatMap(({ descriptor, manifest }) =>
        [descriptor, manifest.config, ...manifest.layers].map((blob) => [blob.digest, blob.size] as const),
      ),
    );
    for (const [digest, size] of blobs) {
      if (present.has(digest)) continue;
      await write(header(blobPath(digest), size, 0o644, 0, '0'));
      for await (const chunk of createReadStream(this.#blob(digest), { highWaterMark: 1 << 20 }))
        await write(chunk);
      await write(padding(size));
    }
    await write(end);
  }

  #index(): Index {
    const path = join(this.#directory, 'index.json');
    if (!existsSync(path)) return { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] };
    return JSON.parse(readFileSync(path, 'utf8'));
  }

  #writeIndex(manifests: Descriptor[]): void {
    const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests };
    replace(join(this.#directory, 'index.json'), (temporary) =>
      writeFileSync(temporary, JSON.stringify(index)),
    );
  }

  #blob(digest: string): string {
    return join(this.#directory, 'blobs/sha256', digest.replace('sha256:', ''));
  }
}

/** Writes a file under another name first, so that nobody ever sees half of it. */
function replace(path: string, write: (temporary: string) => void): void {
  const temporary = `${path}.${process.pid}`;
  try {
    write(temporary);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
