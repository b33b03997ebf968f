/**
 * The images as an OCI layout: the part of hack/images that isn't shell. See there for what a person calls.
 *
 *   images.ts DIRECTORY base BASE LAYER.tar…            names a base image made of these layers
 *   images.ts DIRECTORY build BASE…                     builds the images; prints their common tag
 *   images.ts DIRECTORY programs BASE                   builds the image of the tests of real programs; prints its name
 *   images.ts DIRECTORY list BASE…                      prints name, tag, size and digest
 *   images.ts DIRECTORY archive PRESENT NAME…           writes an archive, without the digests that the file PRESENT lists
 *
 * A BASE is the name of a base image: what it is for, a hyphen, and a hash of what it is made from.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { assemble, compose } from './image/compose.ts';
import { type Descriptor, Layout, mediaTypes } from './image/layout.ts';

const root = dirname(import.meta.dirname);
const images = { operator: 'runtime', agent: 'runtime', workspace: 'workspace' } as const;
const searchPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const baseName = (base: string) => `dormouse.dev/base-${base}:dev`;
const imageName = (image: string, tag: string) => `dormouse.dev/${image}:${tag}`;

/** The one of these bases that is for `target`. */
function baseFor(target: string, bases: readonly string[]): string {
  const found = bases.find((base) => base.startsWith(`${target}-`));
  if (found === undefined) throw new Error(`which base of ${target} is not said`);
  return baseName(found);
}

async function base(layout: Layout, name: string, files: string[]): Promise<void> {
  const layers: Descriptor[] = [];
  for (const file of files) layers.push(await layout.putFile(file, mediaTypes.layer));
  assemble(layout, baseName(name), layers, { Env: [searchPath] });
}

/** One tag for the three, made of their digests: what is installed under a tag never changes. */
function build(layout: Layout, bases: readonly string[]): string {
  const made = Object.entries(images).map(([image, target]) => ({
    image,
    descriptor: compose(
      layout,
      imageName(image, 'dev'),
      join(root, `hack/image/${image}.Containerfile`),
      root,
      baseFor(target, bases),
    ),
  }));
  const digests = made.map(({ descriptor }) => descriptor.digest).join('\n');
  const tag = createHash('sha256').update(digests).digest('hex').slice(0, 12);
  for (const { image, descriptor } of made) layout.name(imageName(image, tag), descriptor);
  layout.prune((reference) => {
    const [, of] = /^dormouse\.dev\/(base-.*):dev$/.exec(reference) ?? [];
    if (of !== undefined) return existsSync(join(directory, of));
    return reference.endsWith(':dev') || reference.endsWith(`:${tag}`);
  });
  return tag;
}

/** The image of a workspace on another base. Its tag is made of its digest. */
function programs(layout: Layout, bases: readonly string[]): string {
  const containerfile = join(root, 'hack/image/workspace.Containerfile');
  const descriptor = compose(
    layout,
    imageName('programs', 'dev'),
    containerfile,
    root,
    baseFor('programs', bases),
  );
  const name = imageName('programs', descriptor.digest.slice('sha256:'.length, 'sha256:'.length + 12));
  layout.name(name, descriptor);
  return name;
}

function list(layout: Layout, bases: readonly string[]): void {
  const mib = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
  const row = (name: string, size: string, layers: string, digest: string) =>
    console.log(`${name.padEnd(34)}${size.padStart(10)}${layers.padStart(34)}  ${digest}`);
  row('IMAGE', 'SIZE', 'BASE + NODE + OWN', 'DIGEST');
  for (const image of Object.keys(images)) {
    const descriptor = layout.find(imageName(image, 'dev'));
    if (!descriptor) throw new Error(`no image of ${image} yet; "hack/images build" makes it`);
    const target = images[image as keyof typeof images];
    const below = layout.manifest(layout.find(baseFor(target, bases)) ?? descriptor).layers.length;
    const sizes = layout.manifest(descriptor).layers.map((layer) => layer.size);
    const sum = (from: number, to?: number) => sizes.slice(from, to).reduce((total, size) => total + size, 0);
    const parts = [...sizes.slice(0, below), sum(below)].map(mib).join(' + ');
    row(imageName(image, 'dev'), mib(sum(0)), parts, descriptor.digest);
  }
}

const [directory = '', command, ...rest] = process.argv.slice(2);
const layout = new Layout(directory);
try {
  if (command === 'base') await base(layout, rest[0] ?? '', rest.slice(1));
  else if (command === 'build') console.log(build(layout, rest));
  else if (command === 'programs') console.log(programs(layout, rest));
  else if (command === 'list') list(layout, rest);
  else if (command === 'archive') {
    const present = new Set(
      readFileSync(rest[0] ?? '', 'utf8')
        .split('\n')
        .filter(Boolean),
    );
    await layout.archive(rest.slice(1), present, process.stdout);
  } else throw new Error(`no command ${command}`);
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
