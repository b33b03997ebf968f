import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import type { Logger } from 'pino';
import type { RuntimeConfig } from '../../protocol/config.ts';
import type { PluginConfig, PluginState } from '../../protocol/plugins.ts';
import { type CollectResult, globResult } from '../../protocol/tools-api.ts';
import { workspaceFetch } from '../mcp/workspace-fetch.ts';
import { resolvePath } from '../permissions/path-pattern.ts';
import { OneAfterAnother } from '../storage/one-after-another.ts';
import { ToolRefused, type ToolsClient, ToolsUnavailable } from '../tools/tools-client.ts';
import { readArchive } from './archive.ts';
import { fetchGit } from './fetch-git.ts';
import { fetchOci } from './fetch-oci.ts';
import { optionsOf, type PluginManifest, parseManifest, placesOf } from './manifest.ts';
import type { Plugin } from './plugin.ts';
import { PluginStore } from './store.ts';
import { PluginError, type PluginTree } from './tree.ts';

/** After a fetch that failed, so long none is tried (milliseconds). */
const restMs = 30_000;
const maxManifestBytes = 256 * 1024;

export interface PluginParts {
  client: ToolsClient;
  log: Logger;
  /** Where pinned ones lie: as this daemon sees the folder, and as the container `workspace` does. */
  folder: { here: string; workspace: string };
  /** Where archives of ConfigMaps are mounted: `NAME/plugin.tar.gz`. */
  archives: string;
  home: string;
  config: () => RuntimeConfig;
  /** The state of one changed. */
  changed: () => void;
}

/**
 * The plugins of a workspace. A pinned one is fetched when it is not on the volume yet, verified, and then only read: a workspace
 * that wakes fetches nothing. One that cannot be had keeps nobody from working; its state says why.
 */
export class Plugins {
  readonly #parts: PluginParts;
  readonly #store: PluginStore;
  readonly #states = new Map<string, PluginState>();
  /** By place: when a fetch last failed, and why. */
  readonly #failed = new Map<string, { at: number; why: string }>();
  readonly #installations = new OneAfterAnother();
  /** The places of what lies there, once that was looked at. */
  #kept: string | undefined;

  constructor(parts: PluginParts) {
    this.#parts = parts;
    this.#store = new PluginStore(parts.folder.here);
  }

  states(): PluginState[] {
    return this.#declared.map(
      ({ name }) => this.#states.get(name) ?? { name, status: 'Pending' as const, problems: [] },
    );
  }

  /** What those that are loaded, or are not, have to be told to the model: one sentence each. */
  problems(): string[] {
    return this.states().flatMap(({ name, problems }) =>
      problems.map((problem) => `Plugin ${name}: ${problem}`),
    );
  }

  /** Those that can be had now, as their manifests say it now. Rejects only with the signal's reason. */
  async load(signal: AbortSignal): Promise<Plugin[]> {
    const declared = this.#declared;
    if (declared.length === 0 && this.#kept === '[]') return [];
    await this.#installations.run(() => this.#install(declared, signal));
    const there = declared.filter(({ source, name }) => source.kind === 'path' || !this.#missing.has(name));
    if (there.length === 0) return [];
    return this.#read(there, signal);
  }

  get #declared(): readonly PluginConfig[] {
    return this.#parts.config().plugins;
  }

  /** Names of those that could not be had. */
  readonly #missing = new Set<string>();

  async #install(declared: readonly PluginConfig[], signal: AbortSignal): Promise<void> {
    this.#missing.clear();
    const pinned = declared.filter(({ source }) => source.kind !== 'path');
    for (const plugin of pinned) {
      if (await this.#store.has(plugin)) continue;
      const place = this.#store.place(plugin);
      const failed = this.#failed.get(place);
      const rests = failed !== undefined && performance.now() - failed.at < restMs;
      const why = rests ? failed.why : await this.#fetch(plugin, signal);
      if (why === undefined) continue;
      if (!rests) this.#failed.set(place, { at: performance.now(), why });
      this.#missing.add(plugin.name);
      this.#note({ name: plugin.name, status: 'Failed', problems: [why] });
    }
    const kept = JSON.stringify(pinned.map((plugin) => this.#store.place(plugin)));
    if (kept === this.#kept || this.#missing.size > 0) return;
    await this.#store.keepOnly(pinned);
    this.#kept = kept;
  }

  /** Why it is not there; undefined where it is now. */
  async #fetch(plugin: PluginConfig, signal: AbortSignal): Promise<string | undefined> {
    try {
      await this.#store.put(plugin, await this.#treeOf(plugin, signal));
      this.#parts.log.info({ plugin: plugin.name, source: plugin.source }, 'plugin fetched and verified');
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const known =
        error instanceof PluginError || error instanceof ToolRefused || error instanceof ToolsUnavailable;
      const why = known ? error.message : `it cannot be put on the volume: ${(error as Error).message}`;
      this.#parts.log.warn({ plugin: plugin.name, reason: why }, 'plugin cannot be had');
      return `${why}.`.replace(/\.+$/, '.');
    }
  }

  #treeOf({ name, source }: PluginConfig, signal: AbortSignal): Promise<PluginTree> {
    const { client, archives } = this.#parts;
    switch (source.kind) {
      case 'git':
        return fetchGit(source, client, signal);
      case 'oci':
        return fetchOci(source, workspaceFetch(client), signal);
      case 'configMap':
        return mounted(join(archives, name, 'plugin.tar.gz'), source.digest);
      case 'path':
        throw new PluginError('a folder of the home is not fetched');
    }
  }

  /** Reads the manifests, all of them in one round trip. */
  async #read(declared: readonly PluginConfig[], signal: AbortSignal): Promise<Plugin[]> {
    const { client, home, folder } = this.#parts;
    const roots = declared.map((plugin) => ({
      plugin,
      root:
        plugin.source.kind === 'path'
          ? resolvePath(plugin.source.path, home, home)
          : posix.join(folder.workspace, this.#store.place(plugin)),
    }));
    const request = {
      files: roots.map(({ root }) => manifestOf(root)),
      // A folder that is not there has no manifest either.
      folders: [],
      maxFileBytes: maxManifestBytes,
    };
    let found: CollectResult;
    try {
      found = await client.collect(request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
      for (const { name } of declared)
        this.#note({ name, status: 'Failed', problems: [`its files cannot be read: ${error.message}.`] });
      return [];
    }
    const plugins: Plugin[] = [];
    for (const { plugin, root } of roots) {
      const file = found.files.find(({ path }) => path === manifestOf(root));
      const refused = found.problems.find(({ path }) => path === manifestOf(root));
      const loaded =
        refused === undefined
          ? await this.#pluginOf(plugin, root, file?.content, signal)
          : { problem: `${refused.path}: ${refused.message}.` };
      if ('problem' in loaded)
        this.#note({ name: plugin.name, status: 'Failed', problems: [loaded.problem] });
      else {
        const { version } = loaded;
        this.#note({
          name: plugin.name,
          status: 'Loaded',
          problems: [],
          ...(version !== undefined && { version }),
        });
        plugins.push(loaded);
      }
    }
    return plugins;
  }

  async #pluginOf(
    { name, source, config }: PluginConfig,
    root: string,
    text: string | undefined,
    signal: AbortSignal,
  ): Promise<Plugin | { problem: string }> {
    const path = manifestOf(root);
    if (text === undefined && source.kind === 'path' && (await this.#isMissing(root, signal)))
      return { problem: `${root}: there is no such folder.` };
    let manifest: Partial<PluginManifest> = {};
    if (text !== undefined) {
      const parsed = await parseManifest(path, text);
      if ('problem' in parsed) return parsed;
      manifest = parsed.manifest;
      if (manifest.name !== name)
        return {
          problem: `${path}: it is called ${manifest.name}, and ${name} in spec.plugins. Call it by its name there.`,
        };
    }
    const { options, problems } = optionsOf(manifest, config);
    if (problems.length > 0) return { problem: problems.join(' ') };
    const data = posix.join(this.#parts.home, '.claude/plugins/data', name);
    const variables = { CLAUDE_PLUGIN_ROOT: root, CLAUDE_PLUGIN_DATA: data };
    return {
      name,
      root,
      pinned: source.kind !== 'path',
      places: placesOf(root, manifest),
      inline: {
        path,
        text: text ?? '',
        ...(!Array.isArray(manifest.hooks) && manifest.hooks !== undefined && { hooks: manifest.hooks }),
        ...(!Array.isArray(manifest.mcpServers) &&
          manifest.mcpServers !== undefined && { mcpServers: manifest.mcpServers }),
      },
      variables: {
        ...variables,
        ...Object.fromEntries(Object.entries(options).map(([key, value]) => [`user_config.${key}`, value])),
      },
      env: {
        ...variables,
        ...Object.fromEntries(
          Object.entries(options).map(([key, value]) => [`CLAUDE_PLUGIN_OPTION_${key.toUpperCase()}`, value]),
        ),
      },
      ...(manifest.version !== undefined && { version: manifest.version }),
    };
  }

  /** A folder without a manifest is a plugin, too, where it is there. */
  async #isMissing(root: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#parts.client.call('POST', '/files/glob', { pattern: '*', path: root }, globResult, {
        signal,
      });
      return false;
    } catch (error) {
      if (!(error instanceof ToolRefused)) throw error;
      return true;
    }
  }

  #note(state: PluginState): void {
    if (JSON.stringify(this.#states.get(state.name)) === JSON.stringify(state)) return;
    this.#states.set(state.name, state);
    this.#parts.changed();
  }
}

function manifestOf(root: string): string {
  return posix.join(root, '.claude-plugin/plugin.json');
}

/** The archive of a ConfigMap, held against its digest. */
async function mounted(path: string, digest: string): Promise<PluginTree> {
  const archive = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new PluginError(
      'its ConfigMap, or the key plugin.tar.gz in it, is not there (one that was made since is mounted within a minute, or with the next wake)',
    );
  });
  const found = createHash('sha256').update(archive).digest('hex');
  if (found !== digest)
    throw new PluginError(
      `plugin.tar.gz of its ConfigMap has the digest sha256:${found}, not the one that is pinned`,
    );
  return readArchive(archive);
}
