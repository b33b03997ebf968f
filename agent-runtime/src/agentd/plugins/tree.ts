/** A plugin that cannot be loaded; the message says why, to whoever declared it. */
export class PluginError extends Error {
  override readonly name = 'PluginError';
}

/** Of one plugin. */
export const pluginLimits = { files: 5_000, bytes: 8 * 1024 * 1024, pathChars: 512, depth: 32 };

interface PluginFile {
  content: Buffer;
  executable: boolean;
}

/** The files of a plugin, before they are on disk: regular files below one folder, within limits. Whoever made them is not trusted. */
export class PluginTree {
  readonly files = new Map<string, PluginFile>();
  #bytes = 0;

  /** `path`: from the plugin's folder on. Throws `PluginError`. */
  add(path: string, content: Buffer, executable: boolean): void {
    const clean = path.replace(/^(?:\.\/)+/, '');
    const steps = clean.split('/');
    if (
      clean.length > pluginLimits.pathChars ||
      steps.length > pluginLimits.depth ||
      steps.some((step) => step === '' || step === '.' || step === '..' || /[\0\\]/.test(step))
    )
      throw new PluginError(
        `it has a file with a path that is not accepted: ${JSON.stringify(path.slice(0, 200))}`,
      );
    for (let end = 1; end < steps.length; end += 1) {
      if (this.files.has(steps.slice(0, end).join('/')))
        throw new PluginError(`${clean} lies below something that is a file`);
    }
    if (this.files.has(clean)) throw new PluginError(`it has ${clean} twice`);
    this.#bytes += content.length;
    if (this.#bytes > pluginLimits.bytes)
      throw new PluginError(`its files have more than ${pluginLimits.bytes} bytes together`);
    if (this.files.size >= pluginLimits.files)
      throw new PluginError(`it has more than ${pluginLimits.files} files`);
    this.files.set(clean, { content, executable });
  }
}
