import { gunzipSync } from 'node:zlib';
import { PluginError, PluginTree, pluginLimits } from './tree.ts';

/** What a tar file needs besides the content of its files. */
const overhead = pluginLimits.files * 1_536 + 64 * 1024;

/** The files of a `.tar.gz`, the plugin's folder at its top. Throws `PluginError`; links and devices are refused. */
export async function readArchive(archive: Buffer): Promise<PluginTree> {
  const tar = unzip(archive);
  // Loaded where a plugin is unpacked, never in the way of a wake.
  const { Parser } = await import('tar');
  const tree = new PluginTree();
  const problems: unknown[] = [];
  const parser = new Parser({ strict: true });
  parser.on('entry', (entry) => {
    const chunks: Buffer[] = [];
    entry.on('data', (chunk: Buffer) => chunks.push(chunk));
    entry.on('end', () => {
      if (entry.type === 'Directory' || problems.length > 0) return;
      try {
        if (entry.type !== 'File' && entry.type !== 'OldFile' && entry.type !== 'ContiguousFile')
          throw new PluginError(`${entry.path} is no regular file but a ${entry.type}`);
        tree.add(entry.path, Buffer.concat(chunks), ((entry.mode ?? 0) & 0o100) !== 0);
      } catch (error) {
        problems.push(error);
      }
    });
    entry.resume();
  });
  await new Promise<void>((resolve) => {
    parser.on('error', (error: unknown) => problems.push(error));
    parser.on('close', resolve);
    parser.on('end', resolve);
    parser.end(tar);
  });
  const [problem] = problems;
  if (problem instanceof PluginError) throw problem;
  if (problem !== undefined)
    throw new PluginError(`its archive is no tar file: ${(problem as Error).message}`);
  return tree;
}

function unzip(archive: Buffer): Buffer {
  try {
    return gunzipSync(archive, { maxOutputLength: pluginLimits.bytes + overhead });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new PluginError(
      tooLarge
        ? `unpacked, its archive has more than ${pluginLimits.bytes} bytes`
        : `its archive is not compressed by gzip: ${(error as Error).message}`,
    );
  }
}
