import type { ContextSource } from '../context/source.ts';
import type { HookFile } from '../hooks/read.ts';
import { parseJson } from '../settings/json.ts';
import { type Plugin, withVariables } from './plugin.ts';

/** Hooks of a plugin, as they stand in one of its files. */
export interface PluginHooks extends Pick<HookFile, 'path' | 'text' | 'at' | 'env'> {
  value: unknown;
  pinned: boolean;
}

const maxFileBytes = 256 * 1024;

/** Reads the files with hooks, all of them in one round trip. Rejects as `ContextSource.collect` does. */
export async function readPluginHooks(
  plugins: readonly Plugin[],
  source: ContextSource,
): Promise<{ hooks: PluginHooks[]; problems: string[] }> {
  const hooks: PluginHooks[] = [];
  const problems: string[] = [];
  if (plugins.length === 0) return { hooks, problems };
  const files = plugins.flatMap(({ places }) => places.hooks);
  const found = await source.collect({ files, folders: [], maxFileBytes });
  for (const plugin of plugins) {
    const { inline, places, env, pinned } = plugin;
    const common = { env: { ...env }, pinned };
    for (const { path, content, truncated } of found.files.filter((file) =>
      places.hooks.includes(file.path),
    )) {
      const json = truncated
        ? { problem: `${path}:1: it has more than ${maxFileBytes} bytes.` }
        : parseJson(path, content);
      if ('problem' in json) problems.push(json.problem);
      else {
        const value = withVariables(hooksOf(json.value), plugin);
        hooks.push({ ...common, path, text: content, at: ['hooks'], value });
      }
    }
    if (inline.hooks !== undefined) {
      const value = withVariables(hooksOf(inline.hooks) ?? inline.hooks, plugin);
      hooks.push({ ...common, path: inline.path, text: inline.text, at: ['hooks'], value });
    }
  }
  return { hooks, problems };
}

function hooksOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'hooks' in value ? value.hooks : undefined;
}
