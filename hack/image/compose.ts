import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { type Instruction, parseContainerfile } from './containerfile.ts';
import { type Descriptor, type ImageConfig, type Layout, type Manifest, mediaTypes } from './layout.ts';
import { type Entry, tar } from './tar.ts';

/** Time of creation of every image: a real one would make another digest each time. */
const created = '1970-01-01T00:00:00Z';

export const architecture: string = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;

/** Makes an image of layers that are kept already, and names it. */
export function assemble(
  layout: Layout,
  reference: string,
  layers: Descriptor[],
  config: ImageConfig['config'],
): Descriptor {
  const image: ImageConfig = {
    created,
    architecture,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: layout.putJson(image, mediaTypes.config),
    layers,
  };
  const descriptor = layout.putJson(manifest, mediaTypes.manifest);
  layout.name(reference, descriptor);
  return descriptor;
}

/**
 * Builds an image as its Containerfile says, without an engine: in milliseconds, and always to the same digest. Any
 * other builder makes an image with the same contents from the same file.
 *
 * `context` is the directory that sources are relative to; `base` is an image of `layout`.
 */
export function compose(
  layout: Layout,
  reference: string,
  containerfile: string,
  context: string,
  base: string,
): Descriptor {
  const instructions = parseContainerfile(readFileSync(containerfile, 'utf8'), { BASE: base });
  const from = instructions.shift();
  const found = from?.kind === 'from' ? layout.find(from.image) : undefined;
  if (!found) throw new Error(`${containerfile}: its base ${base} is not there`);
  const manifest = layout.manifest(found);
  const layers = [...manifest.layers];
  const config = { ...layout.config(manifest).config };
  for (const step of instructions) {
    if (step.kind === 'copy') layers.push(layout.put(tar(copied(step, context)), mediaTypes.layer));
    else configure(config, step);
  }
  return assemble(layout, reference, layers, config);
}

function configure(config: ImageConfig['config'], step: Instruction): void {
  if (step.kind === 'user') config.User = step.user;
  if (step.kind === 'workdir') config.WorkingDir = step.path;
  if (step.kind === 'entrypoint') config.Entrypoint = step.command;
  if (step.kind === 'label') config.Labels = { ...config.Labels, ...step.values };
  if (step.kind === 'env') {
    const added = Object.entries(step.values).map(([name, value]) => `${name}=${value}`);
    config.Env = [...(config.Env ?? []), ...added];
  }
}

function copied(step: Instruction & { kind: 'copy' }, context: string): Entry[] {
  const entries = new Map<string, Entry>();
  const into = step.destination.endsWith('/') || step.sources.length > 1;
  for (const source of step.sources) {
    const from = join(context, source);
    const target = into ? posix.join(step.destination, posix.basename(source)) : step.destination;
    for (const { path, content, mode } of files(from)) {
      const at = posix.join(target, path).replace(/^\/+/, '').replace(/\/$/, '');
      for (let parent = posix.dirname(at); parent !== '.'; parent = posix.dirname(parent)) {
        // What Debian has stays as Debian made it; a directory in a layer would change its owner and mode.
        if (!/^(bin|etc|home|lib|opt|usr|usr\/(bin|lib|share|local|local\/(bin|lib)))$/.test(parent)) {
          entries.set(parent, { path: parent, mode: 0o755, owner: step.owner });
        }
      }
      entries.set(at, { path: at, mode: step.mode ?? mode, owner: step.owner, content });
    }
  }
  return [...entries.values()];
}

/** The files at or below a path. Modes are what git would keep of them: a umask makes no other image. */
function files(path: string, below = ''): { path: string; content: Buffer; mode: number }[] {
  const found = statSync(join(path, below));
  if (found.isDirectory()) {
    return readdirSync(join(path, below)).flatMap((name) => files(path, posix.join(below, name)));
  }
  return [
    { path: below, content: readFileSync(join(path, below)), mode: found.mode & 0o100 ? 0o755 : 0o644 },
  ];
}
