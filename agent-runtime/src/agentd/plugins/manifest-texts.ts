import type { CollectResult } from '../../protocol/tools-api.ts';
import { ToolRefused, type ToolsClient, ToolsUnavailable } from '../tools/tools-client.ts';

const maxBytes = 256 * 1024;

/** `text` is undefined where there is no such file. */
export type ManifestText = { text: string | undefined } | { problem: string };

/** The texts of manifests. A pinned one cannot change, so it is read once; `keepOnly` forgets those that are no longer there. */
export class ManifestTexts {
  readonly #client: Pick<ToolsClient, 'collect'>;
  readonly #pinned = new Map<string, ManifestText>();

  constructor(client: Pick<ToolsClient, 'collect'>) {
    this.#client = client;
  }

  /** Those of these paths, in their order, in at most one round trip. Rejects only with the signal's reason. */
  async read(
    wanted: readonly { path: string; pinned: boolean }[],
    signal: AbortSignal,
  ): Promise<ManifestText[]> {
    const unknown = wanted.filter(({ path }) => !this.#pinned.has(path)).map(({ path }) => path);
    const find = unknown.length === 0 ? undefined : await this.#collect(unknown, signal);
    return wanted.map(({ path, pinned }) => {
      const found = this.#pinned.get(path) ?? find?.(path) ?? { text: undefined };
      if (pinned && 'text' in found) this.#pinned.set(path, found);
      return found;
    });
  }

  keepOnly(paths: readonly string[]): void {
    for (const path of this.#pinned.keys()) if (!paths.includes(path)) this.#pinned.delete(path);
  }

  async #collect(files: string[], signal: AbortSignal): Promise<(path: string) => ManifestText> {
    // A folder that is not there has no manifest either.
    const request = { files, folders: [], maxFileBytes: maxBytes };
    let result: CollectResult;
    try {
      result = await this.#client.collect(request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ToolRefused || error instanceof ToolsUnavailable)) throw error;
      const problem = `its files cannot be read: ${error.message}.`;
      return () => ({ problem });
    }
    return (path) => {
      const refused = result.problems.find((each) => each.path === path);
      if (refused !== undefined) return { problem: `${path}: ${refused.message}.` };
      return { text: result.files.find((each) => each.path === path)?.content };
    };
  }
}
