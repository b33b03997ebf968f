import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { assemble, compose } from './compose.ts';
import { Layout, mediaTypes } from './layout.ts';
import { tar } from './tar.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'image-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const containerfile = `ARG BASE
FROM $BASE
COPY dist/program /app/program
COPY --chown=1000:1000 --chmod=600 secretless /home/agent/
ENV MODE=production TITLE="two words"
USER 7000:7000
ENTRYPOINT ["/bin/program", "--now"]
`;

/** A layout with a base image, and a context as a checkout made at some moment under some umask would be. */
function checkout(name: string, when: number, mode: number): { layout: Layout; context: string } {
  const context = join(directory, name);
  mkdirSync(join(context, 'dist/program'), { recursive: true });
  writeFileSync(join(context, 'Containerfile'), containerfile);
  for (const file of ['dist/program/main.js', 'dist/program/package.json', 'secretless']) {
    writeFileSync(join(context, file), `contents of ${file}`);
    chmodSync(join(context, file), mode);
    utimesSync(join(context, file), when, when);
  }
  const layout = new Layout(join(context, 'layout'));
  const base = tar([{ path: 'bin/program', mode: 0o755, owner: 0, content: Buffer.from('#!/bin/sh\n') }]);
  assemble(layout, 'base:dev', [layout.put(base, mediaTypes.layer)], { Env: ['PATH=/bin'] });
  return { layout, context };
}

const build = ({ layout, context }: { layout: Layout; context: string }) =>
  compose(layout, 'dormouse.dev/it:dev', join(context, 'Containerfile'), context, 'base:dev');

test('the same contents make the same digest, whatever the time and the umask', () => {
  expect(build(checkout('a', 1_000_000, 0o644)).digest).toBe(build(checkout('b', 2_000_000, 0o600)).digest);
});

test('another content makes another digest', () => {
  const changed = checkout('b', 1, 0o644);
  writeFileSync(join(changed.context, 'dist/program/main.js'), 'something else');
  expect(build(changed).digest).not.toBe(build(checkout('a', 1, 0o644)).digest);
});

test('the image runs as its Containerfile says', () => {
  const made = checkout('a', 1, 0o644);
  const config = made.layout.config(made.layout.manifest(build(made))).config;
  expect(config).toEqual({
    Env: ['PATH=/bin', 'MODE=production', 'TITLE=two words'],
    User: '7000:7000',
    Entrypoint: ['/bin/program', '--now'],
  });
});

test('a Containerfile that does more than copying is refused, with the line', () => {
  const made = checkout('a', 1, 0o644);
  writeFileSync(join(made.context, 'Containerfile'), 'ARG BASE\nFROM $BASE\nRUN apt-get install vim\n');
  expect(() => build(made)).toThrow(/line 3: RUN does more than copying/);
});

test('an archive holds the layers that the reader lacks, with their owners and modes', async () => {
  const made = checkout('a', 1, 0o644);
  const manifest = made.layout.manifest(build(made));
  const [base] = manifest.layers;
  const file = join(directory, 'archive.tar');
  const out = createWriteStream(file);
  await made.layout.archive(['dormouse.dev/it:dev'], new Set([base?.digest ?? '']), out);
  await finished(out.end());
  execFileSync('tar', ['--extract', '--file', file, '--directory', directory]);
  const listed = execFileSync('tar', ['--list', '--file', file], { encoding: 'utf8' });
  expect(listed).not.toContain(base?.digest.replace('sha256:', ''));
  const contents = manifest.layers.slice(1).map((layer) =>
    execFileSync('tar', ['--list', '--verbose', '--numeric-owner', '--utc', '--file', blob(layer.digest)], {
      encoding: 'utf8',
    }),
  );
  expect(contents[0]).toMatch(/^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 app\/$/m);
  expect(contents[0]).toMatch(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 app\/program\/main\.js$/m);
  expect(contents[1]).toMatch(/^-rw------- 1000\/1000 +\d+ 1970-01-01 00:00 home\/agent\/secretless$/m);
});

const blob = (digest: string) => join(directory, 'blobs/sha256', digest.replace('sha256:', ''));

test('what no image needs any more is removed, and nothing else', () => {
  const made = checkout('a', 1, 0o644);
  build(made);
  writeFileSync(join(made.context, 'dist/program/main.js'), 'something else');
  const second = build(made);
  made.layout.prune(() => true);
  expect(made.layout.find('dormouse.dev/it:dev')?.digest).toBe(second.digest);
  expect(made.layout.config(made.layout.manifest(second)).rootfs.diff_ids).toHaveLength(3);
  const blobs = execFileSync('ls', [join(made.context, 'layout/blobs/sha256')], { encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(blobs).toHaveLength(2 + 2 + 3); // of each image manifest and configuration; one layer of the base, two on top
});
